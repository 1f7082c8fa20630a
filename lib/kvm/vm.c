/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kvm_internal.h"

enum { CREATE_TRIES = 16 };

/* KVM_CREATE_VM registers an mmu notifier, which gives up on any pending signal. */
static int create(const struct kvm_host *host)
{
	int fd = -EINTR;

	for (int i = 0; i < CREATE_TRIES && fd == -EINTR; i++)
		fd = kvm_ioctl(host, host->fd, KVM_CREATE_VM, 0);
	return fd;
}

static int add_slots(struct kvm_vm *vm, struct ukvmm_err *err)
{
	for (uint32_t i = 0; i < vm->mem->regions; i++) {
		const struct mem_region *r = &vm->mem->region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->len,
			.userspace_addr = (uintptr_t)r->host,
		};
		int rc = kvm_ioctl_p(vm->host, vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);

		if (rc < 0)
			return kvm_fail(err, rc, "KVM_SET_USER_MEMORY_REGION", vm->name);
	}
	return 0;
}

int kvm_enable(const struct kvm_vm *vm, uint32_t cap, uint64_t arg, const char *cap_name,
	struct ukvmm_err *err)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };
	int rc = kvm_ioctl_p(vm->host, vm->fd, KVM_ENABLE_CAP, &enable);

	if (rc >= 0)
		return 0;
	return err_set(err, rc, "KVM_ENABLE_CAP", vm->name, "%s: %s", cap_name, strerrordesc_np(-rc));
}

/* A guest that is woken every 100 us would else keep a host CPU busy (measured: 99% against 6%). */
static int stop_halt_polling(struct kvm_vm *vm, struct ukvmm_err *err)
{
	return vm->host->has_halt_poll ? kvm_enable(vm, KVM_CAP_HALT_POLL, 0, "KVM_CAP_HALT_POLL", err) : 0;
}

static int check_kind(const struct kvm_vm *vm, struct ukvmm_err *err)
{
	if (!vm->vcpus || vm->vcpus > vm->host->max_vcpus)
		return err_set(err, -EINVAL, "kvm_vm_init", vm->name, "%u vCPUs: this host takes 1 to %u",
			vm->vcpus, vm->host->max_vcpus);
	if (vm->irqchip == KVM_CHIP_NONE && vm->vcpus > 1)
		return err_set(err, -EINVAL, "kvm_vm_init", vm->name,
			"several vCPUs need an interrupt chip: without one nothing can start the others");
	if (vm->irqchip == KVM_CHIP_SPLIT && !vm->host->has_split)
		return err_set(err, -ENOTSUP, "KVM_CHECK_EXTENSION", vm->name,
			"this kernel's KVM lacks KVM_CAP_SPLIT_IRQCHIP: use the full interrupt chip");
	return 0;
}

int kvm_vm_init(struct kvm_vm *vm, struct kvm_host *host, const struct mem *mem, enum kvm_chip irqchip,
	uint32_t vcpus, const char *name, struct ukvmm_err *err)
{
	int rc;

	*vm = (struct kvm_vm){ .host = host, .mem = mem, .fd = -1, .irqchip = irqchip, .vcpus = vcpus };
	snprintf(vm->name, sizeof vm->name, "%s", name);
	rc = check_kind(vm, err);
	if (rc)
		return rc;
	vm->fd = create(host);
	if (vm->fd < 0)
		return kvm_fail(err, vm->fd, "KVM_CREATE_VM", vm->name);
	/* Slots first: a slot change soon after something went on the I/O bus waits out a grace period. */
	rc = add_slots(vm, err);
	if (!rc)
		rc = kvm_arch_vm_init(vm, err);
	if (!rc)
		rc = stop_halt_polling(vm, err);
	if (rc)
		kvm_vm_fini(vm);
	return rc;
}

void kvm_vm_fini(struct kvm_vm *vm)
{
	if (vm->host && vm->fd >= 0)
		vm->host->sys->close(vm->host->sys->ctx, vm->fd);
	vm->fd = -1;
}

int kvm_vm_ioeventfd(struct kvm_vm *vm, uint64_t gpa, int fd)
{
	struct kvm_ioeventfd event = { .addr = gpa, .len = 4, .fd = fd };

	return kvm_ioctl_p(vm->host, vm->fd, KVM_IOEVENTFD, &event);
}

int kvm_vm_msi(struct kvm_vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};
	int rc = kvm_ioctl_p(vm->host, vm->fd, KVM_SIGNAL_MSI, &msi);

	/* -1: no such LAPIC, which the guest chose; hardware drops it too */
	return rc < 0 && rc != -EPERM ? rc : 0;
}

int kvm_vm_line(struct kvm_vm *vm, uint32_t gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };
	int rc = kvm_ioctl_p(vm->host, vm->fd, KVM_IRQ_LINE, &line);

	return rc < 0 ? rc : 0;
}

enum { ROUTES_MAX = 24 };

int kvm_vm_routes(struct kvm_vm *vm, const struct kvm_route *routes, uint32_t n)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[ROUTES_MAX];
	} table = { .head.nr = n };
	int rc;

	if (n > ROUTES_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < n; i++) {
		table.entry[i].gsi = routes[i].gsi;
		table.entry[i].type = KVM_IRQ_ROUTING_MSI;
		table.entry[i].u.msi.address_lo = (uint32_t)routes[i].addr;
		table.entry[i].u.msi.address_hi = (uint32_t)(routes[i].addr >> 32);
		table.entry[i].u.msi.data = routes[i].data;
	}
	rc = kvm_ioctl_p(vm->host, vm->fd, KVM_SET_GSI_ROUTING, &table);
	return rc < 0 ? rc : 0;
}
