/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm_x86.h"
#include "x86_map.h"

static const struct kvm_needed needed[] = {
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2" },
	{ KVM_CAP_XSAVE, "KVM_CAP_XSAVE" },
	{ KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS" },
};

static int read_optional(struct kvm_host *host, struct ukvmm_err *err)
{
	int sync = kvm_check(host, KVM_CAP_SYNC_REGS), wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	int xcrs = kvm_check(host, KVM_CAP_XCRS);

	if (sync < 0 || xcrs < 0)
		return kvm_fail(err, sync < 0 ? sync : xcrs, "KVM_CHECK_EXTENSION", "/dev/kvm");
	host->has_sync_regs = (sync & wanted) == wanted;
	host->has_xcrs = xcrs > 0;
	return 0;
}

int kvm_arch_host_init(struct kvm_host *host, struct ukvmm_err *err)
{
	int rc = kvm_need(host, needed, sizeof needed / sizeof needed[0], err);

	if (rc)
		return rc;
	host->x86 = calloc(1, sizeof *host->x86);
	if (!host->x86)
		return kvm_fail(err, -ENOMEM, "malloc", "/dev/kvm");
	host->vendor = x86_vendor();
	rc = read_optional(host, err);
	if (!rc)
		rc = x86_cpuid_read(host, &host->x86->cpuid, err);
	if (!rc)
		rc = x86_msrs_list(host, host->x86, err);
	return rc; /* kvm_host_init calls kvm_arch_host_fini */
}

void kvm_arch_host_fini(struct kvm_host *host)
{
	free(host->x86);
	host->x86 = NULL;
}

/* Pages that kvm_intel needs on CPUs without unrestricted guest mode; the others ignore them. */
static int set_reserved_pages(struct kvm_vm *vm, struct ukvmm_err *err)
{
	uint64_t identity = X86_KVM_IDENTITY;
	int rc = kvm_ioctl(vm->host, vm->fd, KVM_SET_TSS_ADDR, X86_KVM_TSS);

	if (rc < 0)
		return kvm_fail(err, rc, "KVM_SET_TSS_ADDR", vm->name);
	rc = kvm_ioctl_p(vm->host, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	return rc < 0 ? kvm_fail(err, rc, "KVM_SET_IDENTITY_MAP_ADDR", vm->name) : 0;
}

/* 24 routes kept for IOAPIC pins: without them no EOI of a level interrupt is reported. */
static int make_split(struct kvm_vm *vm, struct ukvmm_err *err)
{
	return kvm_enable(vm, KVM_CAP_SPLIT_IRQCHIP, X86_IOAPIC_PINS, "KVM_CAP_SPLIT_IRQCHIP", err);
}

static int make_full(struct kvm_vm *vm, struct ukvmm_err *err)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int rc = kvm_ioctl(vm->host, vm->fd, KVM_CREATE_IRQCHIP, 0);

	if (rc < 0)
		return kvm_fail(err, rc, "KVM_CREATE_IRQCHIP", vm->name);
	rc = kvm_ioctl_p(vm->host, vm->fd, KVM_CREATE_PIT2, &pit);
	return rc < 0 ? kvm_fail(err, rc, "KVM_CREATE_PIT2", vm->name) : 0;
}

/* Every VM of a host has the same rate, so it does not matter which thread stores it first. */
void x86_learn_tsc_khz(struct kvm_host *host, int fd)
{
	int rc;

	if (__atomic_load_n(&host->tsc_khz, __ATOMIC_RELAXED))
		return;
	rc = kvm_ioctl(host, fd, KVM_GET_TSC_KHZ, 0);
	if (rc > 0)
		__atomic_store_n(&host->tsc_khz, (uint32_t)rc, __ATOMIC_RELAXED);
}

int kvm_arch_vm_init(struct kvm_vm *vm, struct ukvmm_err *err)
{
	int rc = set_reserved_pages(vm, err);

	if (rc)
		return rc;
	x86_learn_tsc_khz(vm->host, vm->fd);
	switch (vm->irqchip) {
	case KVM_CHIP_SPLIT:
		return make_split(vm, err);
	case KVM_CHIP_FULL:
		return make_full(vm, err);
	case KVM_CHIP_NONE:
		break;
	}
	return 0;
}
