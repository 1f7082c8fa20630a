/* SPDX-License-Identifier: Apache-2.0 */
/* Between the x86_64 files of lib/kvm. */
#ifndef KVM_X86_H
#define KVM_X86_H

#include "kvm_internal.h"

enum { X86_CPUID_MAX = 256, X86_MSRS_MAX = 1024 };

#define X86_MSR_TSC 0x10u
#define X86_MSR_TSC_DEADLINE 0x6e0u

/* struct kvm_cpuid2 with room. */
struct x86_cpuid {
	uint32_t entries, padding;
	struct kvm_cpuid_entry2 entry[X86_CPUID_MAX];
};

/* Immutable once the host is open. */
struct kvm_host_x86 {
	struct x86_cpuid cpuid; /* KVM_GET_SUPPORTED_CPUID without its all-zero entries */
	uint32_t msrs;
	uint32_t msr[X86_MSRS_MAX]; /* KVM_GET_MSR_INDEX_LIST, TSC first and TSC_DEADLINE last */
};

enum kvm_vendor x86_vendor(void);

/* Asks a VM's fd, or where that is too old a kernel a vCPU's, unless it is known. Not knowing is no error. */
void x86_learn_tsc_khz(struct kvm_host *host, int fd);

/* KVM_GET_SUPPORTED_CPUID, once per host. */
int x86_cpuid_read(struct kvm_host *host, struct x86_cpuid *set, struct ukvmm_err *err);
/* `set` made right for vCPU `index` of `vcpus`: topology, APIC id, TSC rate (0: not told). */
void x86_cpuid_for_vcpu(struct x86_cpuid *set, const struct x86_cpuid *host, uint32_t index, uint32_t vcpus,
	uint32_t tsc_khz, bool lapic);
int x86_cpuid_set(struct kvm_vcpu *vcpu, struct ukvmm_err *err);

int x86_msrs_list(struct kvm_host *host, struct kvm_host_x86 *x86, struct ukvmm_err *err);
int x86_msrs_defaults(struct kvm_vcpu *vcpu, struct ukvmm_err *err);
int x86_msrs_walk(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err);
int x86_msr_read(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *value);

/* The family of an instruction in words: "popcnt", "an SSE instruction"; "an instruction" when unknown. */
const char *x86_insn_name(const uint8_t *bytes, size_t len, bool long_mode);

/* LAPIC registers (Intel SDM vol. 3 §11.4.1): offsets in its page, and bits of the timer's LVT entry. */
enum { APIC_LVTT = 0x320, APIC_TMICT = 0x380, APIC_TMCCT = 0x390 };
#define LVT_MASKED (1u << 16)
#define LVTT_MODE (3u << 17)
#define LVTT_ONE_SHOT 0u
#define LVTT_PERIODIC (1u << 17)
#define LVTT_DEADLINE (2u << 17)
/* A 32-bit register of the LAPIC page. */
uint32_t x86_lapic_get(const struct kvm_lapic_state *lapic, uint32_t reg);
void x86_lapic_set(struct kvm_lapic_state *lapic, uint32_t reg, uint32_t value);

/*
 * The LAPIC's timer in a saved state: see timer.c. settle before anything of the vCPU is read; *left then goes to
 * saved with the LAPIC that was read. loaded changes what is about to be set.
 */
int x86_timer_settle(struct kvm_vcpu *vcpu, uint32_t *left, struct ukvmm_err *err);
void x86_timer_saved(struct kvm_lapic_state *lapic, uint32_t left);
void x86_timer_loaded(struct kvm_lapic_state *lapic);

#endif
