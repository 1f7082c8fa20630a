/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KVM that is not there: hands out descriptors and mappings and counts the live ones, answers every ioctl
 * that lib/kvm uses plausibly (what is set can be read back), and can make any one call fail. KVM_RUN asks a
 * function of the test's. Safe from several threads; fields are set while none runs.
 */
#ifndef FAKE_KVM_H
#define FAKE_KVM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "kvm.h"

enum {
	FAKE_FDS = 512,
	FAKE_MSRS = 64,
	FAKE_CPUID = 64,
	FAKE_CAPS = 32,
	FAKE_CALLS = 1024,
	FAKE_FD_BASE = 10000,
};

enum fake_kind { FAKE_FREE, FAKE_DEV, FAKE_VM, FAKE_VCPU };

struct fake_vcpu {
	uint32_t index;
	struct kvm_run *run; /* NULL: not mapped */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_mp_state mp_state;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_xcrs xcrs;
	struct kvm_xsave xsave;
	uint64_t signals_blocked; /* in KVM_RUN */
	int pending_extint;	  /* -1: none */
	uint32_t msrs;
	struct kvm_msr_entry msr[FAKE_MSRS];
	uint32_t cpuids;
	struct kvm_cpuid_entry2 cpuid[FAKE_CPUID];
};

struct fake_vm {
	uint32_t slots, routes, msis;
	struct kvm_userspace_memory_region slot[8];
	struct kvm_irq_routing_entry route[32];
	struct kvm_msi msi; /* the last */
	struct kvm_irq_level line;
	struct kvm_ioeventfd ioeventfd; /* the last */
	uint32_t ioeventfds;
	bool split, full, pit;
	uint64_t clock;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit_state;
};

struct fake_kvm {
	struct kvm_sys sys; /* give &fake.sys to kvm_host_init */
	pthread_mutex_t lock;

	/* The fail_at-th call from now fails with fail_errno (counting open, dup, ioctl, mmap); with
	 * fail_request, only ioctls of that number count. failed_call: its name, NULL until it happened. */
	uint32_t fail_at;
	int fail_errno;
	unsigned long fail_request;
	const char *failed_call;

	/* KVM_RUN: fills in run and returns 0 or a negative errno. The registers of the run structure are taken
	 * over before, and immediate_exit is -EINTR without asking. NULL: KVM_EXIT_HLT. */
	int (*run)(void *arg, struct fake_vcpu *vcpu, struct kvm_run *run);
	void *run_arg;

	uint32_t refuse_msr_get, refuse_msr_set; /* an index; 0: none */
	uint64_t translate_to; /* KVM_TRANSLATE: guest-physical of guest-virtual 0; ~0: invalid */
	uint32_t caps;
	struct {
		unsigned long cap;
		int value;
	} cap[FAKE_CAPS]; /* answers that differ from the built-in ones */
	int api_version, tsc_khz; /* tsc_khz: or a negative errno */
	uint32_t cpuids;
	struct kvm_cpuid_entry2 cpuid[FAKE_CPUID]; /* KVM_GET_SUPPORTED_CPUID */

	/* what happened */
	uint32_t live_fds, live_maps, calls;
	unsigned long request[FAKE_CALLS]; /* the ioctls, in order, modulo FAKE_CALLS */
	uint32_t requests;
	struct {
		enum fake_kind kind;
		union {
			struct fake_vm *vm;
			struct fake_vcpu *vcpu;
		};
	} fd[FAKE_FDS];
};

void fake_init(struct fake_kvm *fake);
/* Frees what is left, live or not. */
void fake_fini(struct fake_kvm *fake);
void fake_set_cap(struct fake_kvm *fake, unsigned long cap, int value);
/* The objects behind a descriptor that lib/kvm holds. */
struct fake_vm *fake_vm(struct fake_kvm *fake, int fd);
struct fake_vcpu *fake_vcpu(struct fake_kvm *fake, int fd);
uint64_t *fake_msr(struct fake_vcpu *vcpu, uint32_t index); /* NULL: has none such */
/* How many ioctls of this number came; and when the first came (0: never). */
uint32_t fake_count(const struct fake_kvm *fake, unsigned long request);
uint32_t fake_first(const struct fake_kvm *fake, unsigned long request);
const char *fake_name(unsigned long request); /* "KVM_RUN" */

/* Between the fake's files. */
int fake_vcpu_ioctl(struct fake_kvm *fake, struct fake_vcpu *vcpu, unsigned long request, void *arg);
int fake_vm_ioctl(struct fake_kvm *fake, struct fake_vm *vm, unsigned long request, uintptr_t arg);
int fake_dev_ioctl(struct fake_kvm *fake, unsigned long request, uintptr_t arg);
int fake_new_fd(struct fake_kvm *fake, enum fake_kind kind, void *object); /* lock held; -EMFILE */
void fake_vcpu_reset(struct fake_vcpu *vcpu, uint32_t index);

#endif
