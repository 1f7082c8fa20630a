/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of lib/kvm: the seam made short, and what each architecture provides. */
#ifndef KVM_INTERNAL_H
#define KVM_INTERNAL_H

#include <linux/kvm.h>

#include "kvm.h"

static inline int kvm_ioctl(const struct kvm_host *host, int fd, unsigned long request, uintptr_t arg)
{
	return host->sys->ioctl(host->sys->ctx, fd, request, arg);
}

static inline int kvm_ioctl_p(const struct kvm_host *host, int fd, unsigned long request, void *arg)
{
	return kvm_ioctl(host, fd, request, (uintptr_t)arg);
}

static inline int vcpu_ioctl_p(const struct kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	return kvm_ioctl_p(vcpu->vm->host, vcpu->fd, request, arg);
}

/* Fills err in with the system's words for rc, and the cure where one is known. Returns rc. */
int kvm_fail(struct ukvmm_err *err, int rc, const char *call, const char *object);
/* KVM_ENABLE_CAP with `arg`; cap_name appears in err. */
int kvm_enable(const struct kvm_vm *vm, uint32_t cap, uint64_t arg, const char *cap_name,
	struct ukvmm_err *err);

/* 0 where the host has no such capability. */
int kvm_check(const struct kvm_host *host, unsigned long cap);

/* A capability that a host must have; kvm_need is -ENOTSUP and names the first of n that is missing. */
struct kvm_needed {
	unsigned long cap;
	const char *name;
};
int kvm_need(const struct kvm_host *host, const struct kvm_needed *cap, size_t n, struct ukvmm_err *err);

/* host.c's capabilities are read. Fills host->x86 (or the like) and the vendor. */
int kvm_arch_host_init(struct kvm_host *host, struct ukvmm_err *err);
void kvm_arch_host_fini(struct kvm_host *host);

/* The memory slots are in: reserved pages, interrupt chip, TSC rate. */
int kvm_arch_vm_init(struct kvm_vm *vm, struct ukvmm_err *err);

/* The run structure is mapped: CPUID, MSRs, LAPIC. */
int kvm_arch_vcpu_init(struct kvm_vcpu *vcpu, struct ukvmm_err *err);

#endif
