/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "kvm_x86.h"

#define MSR_MISC_ENABLE 0x1a0u
#define MISC_ENABLE_FAST_STRINGS 1u
#define MSR_MTRR_DEF_TYPE 0x2ffu
#define MTRR_ENABLE (1u << 11)
#define MTRR_WRITE_BACK 6u

/* Swaps `index`, if it is there, into the place `to`. */
static void move_msr(struct kvm_host_x86 *x86, uint32_t index, uint32_t to)
{
	for (uint32_t i = 0; i < x86->msrs; i++)
		if (x86->msr[i] == index) {
			x86->msr[i] = x86->msr[to];
			x86->msr[to] = index;
			return;
		}
}

int x86_msrs_list(struct kvm_host *host, struct kvm_host_x86 *x86, struct ukvmm_err *err)
{
	struct {
		uint32_t n; /* struct kvm_msr_list */
		uint32_t index[X86_MSRS_MAX];
	} list = { .n = X86_MSRS_MAX };
	int rc = kvm_ioctl_p(host, host->fd, KVM_GET_MSR_INDEX_LIST, &list);

	if (rc >= 0 && list.n > X86_MSRS_MAX)
		rc = -E2BIG;
	if (rc < 0)
		return kvm_fail(err, rc, "KVM_GET_MSR_INDEX_LIST", "/dev/kvm");
	memcpy(x86->msr, list.index, list.n * sizeof list.index[0]);
	x86->msrs = list.n;
	move_msr(x86, X86_MSR_TSC, 0);
	move_msr(x86, X86_MSR_TSC_DEADLINE, x86->msrs - 1);
	return 0;
}

/*
 * Memory is write-back and string moves are fast, as firmware leaves them. The rest is right already: KVM
 * starts the TSC at 0 when it makes a vCPU (and in step with the others; kvm_pvm shows the host's whatever
 * is written), and the PAT at its power-on value.
 */
int x86_msrs_defaults(struct kvm_vcpu *vcpu, struct ukvmm_err *err)
{
	enum { N = 2 };
	static const uint32_t index[N] = { MSR_MTRR_DEF_TYPE, MSR_MISC_ENABLE };
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[N];
	} msrs = { .head.nmsrs = N };
	int rc;

	msrs.entry[0] = (struct kvm_msr_entry){ index[0], 0, MTRR_ENABLE | MTRR_WRITE_BACK };
	msrs.entry[1] = (struct kvm_msr_entry){ index[1], 0, MISC_ENABLE_FAST_STRINGS };
	rc = vcpu_ioctl_p(vcpu, KVM_SET_MSRS, &msrs);
	if (rc < 0)
		return kvm_fail(err, rc, "KVM_SET_MSRS", vcpu->name);
	if (rc < N)
		return err_set(err, -ENOTSUP, "KVM_SET_MSRS", vcpu->name, "KVM refuses MSR 0x%x", index[rc]);
	return 0;
}
