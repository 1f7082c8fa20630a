/* SPDX-License-Identifier: Apache-2.0 */
/* Port and memory accesses of the guest: to the board, a device, the doorbell, a trap, or nobody. */
#include "vm.h"

#include <errno.h>
#include <string.h>

#include "checked.h"
#include "doorbell.h"
#include "export.h"
#include "vm_hvt.h"

enum { PCI_CONFIG_DATA = 0xcfc };

static uint64_t all_ones(uint32_t width)
{
	return width >= 8 ? ~0ull : (1ull << width * 8) - 1;
}

static int ended(struct ukvmm_stop *stop, const struct legacy_end *end)
{
	stop->reason = end->kind == LEGACY_RESET ? UKVMM_STOP_RESET : UKVMM_STOP_POWEROFF;
	if (end->kind == LEGACY_PANIC)
		stop->flags |= UKVMM_STOP_PANICKED;
	if (end->has_status)
		stop->flags |= UKVMM_STOP_HAS_STATUS;
	stop->value = end->status;
	return 1;
}

static const struct trap *trap_find(const struct ukvmm_vm *vm, uint64_t addr, uint32_t space)
{
	for (uint32_t i = 0; i < vm->traps; i++) {
		const struct trap *t = &vm->trap[i];

		if (t->space == space && addr >= t->addr && addr - t->addr < t->len)
			return t;
	}
	return NULL;
}

static int trapped(struct ukvmm_vcpu *vcpu, uint64_t value, struct ukvmm_stop *stop)
{
	struct access *a = &vcpu->access;

	a->trapped = true;
	stop->reason = UKVMM_STOP_TRAP;
	stop->addr = a->exit.addr;
	stop->width = a->exit.width;
	stop->space = a->space;
	stop->flags = a->exit.write ? UKVMM_STOP_WRITE : 0;
	stop->value = a->exit.write ? value : 0;
	return 1;
}

/* 1: stop; 0: done, a read's result is in *value; the claim order is the same for both directions. */
static int port_access(struct ukvmm_vcpu *vcpu, uint64_t *value, struct ukvmm_stop *stop)
{
	struct ukvmm_vm *vm = vcpu->vm;
	const struct kvm_exit *x = &vcpu->access.exit;
	struct legacy_end end = { 0 };
	uint32_t v = (uint32_t)*value;
	bool claimed;

	if (vm->traps && trap_find(vm, x->addr, UKVMM_SPACE_X86_PORT))
		return trapped(vcpu, *value, stop);
	if (vm_is_hvt(vm))
		return vm_hvt_port(vcpu, value, stop);
	pthread_mutex_lock(&vm->board_lock);
	claimed = legacy_port(&vm->board, (uint16_t)x->addr, x->width, x->write, &v, &end);
	pthread_mutex_unlock(&vm->board_lock);
	if (end.kind != LEGACY_NOT_ENDED)
		return ended(stop, &end);
	if (x->write)
		return 0;
	*value = claimed ? v : all_ones(x->width);
	/* PCI configuration mechanism 1: somebody reads of a device that is not there */
	if (!claimed && x->addr >= PCI_CONFIG_DATA && x->addr < PCI_CONFIG_DATA + 4)
		atomic_fetch_add_explicit(&vm->pci_probes, 1, memory_order_relaxed);
	return 0;
}

/* Every source of interrupts must be visible here: other vCPUs' IPIs are not, nor is KVM's own PIT. */
static bool vm_may_park(const struct ukvmm_vm *vm)
{
	return vm->config.flags & UKVMM_VM_PARK_IDLE && vm->vcpus == 1 && vm->kind.irqchip == KVM_CHIP_SPLIT;
}

static void doorbell_access(struct ukvmm_vcpu *vcpu, uint64_t off, uint64_t *value)
{
	const struct kvm_exit *x = &vcpu->access.exit;
	struct ukvmm_vm *vm = vcpu->vm;

	if (!x->write) {
		*value = off == DOORBELL_NOTIFY && x->width == 4 ? DOORBELL_VERSION : all_ones(x->width);
	} else if (off == DOORBELL_NOTIFY && x->width == 4) {
		if (!atomic_load(&vm->ready_at))
			atomic_store(&vm->ready_at, ukvmm_now());
		poller_post(vm->poller, vm, UKVMM_EV_NOTIFY, *value);
	} else if (off == DOORBELL_IDLE && x->width == 4) {
		vcpu->idle_asked = vm_may_park(vm);
	}
}

static int memory_access(struct ukvmm_vcpu *vcpu, uint64_t *value, struct ukvmm_stop *stop)
{
	struct ukvmm_vm *vm = vcpu->vm;
	const struct kvm_exit *x = &vcpu->access.exit;
	struct ukvmm_device *device = device_at(vm, x->addr);

	if (device) {
		uint64_t off = x->addr & (X86_VIRTIO_STRIDE - 1);

		if (x->write) {
			virtio_mmio_write(device->virtio, off, x->width, *value);
			device_written(device);
		} else {
			*value = virtio_mmio_read(device->virtio, off, x->width);
		}
	} else if (legacy_mmio_claims(&vm->board, x->addr)) {
		pthread_mutex_lock(&vm->board_lock);
		legacy_mmio(&vm->board, x->addr, x->width, x->write, value);
		pthread_mutex_unlock(&vm->board_lock);
	} else if (x->addr - X86_DOORBELL_BASE < X86_DOORBELL_SIZE) {
		doorbell_access(vcpu, x->addr - X86_DOORBELL_BASE, value);
	} else if (trap_find(vm, x->addr, UKVMM_SPACE_MEMORY)) {
		return trapped(vcpu, *value, stop);
	} else if (vm_is_hvt(vm)) {
		return vm_hvt_memory(stop);
	} else if (!x->write) {
		*value = all_ones(x->width);
	}
	return 0;
}

static void item_store(struct access *a, uint64_t value)
{
	memcpy(a->exit.data + a->next * a->exit.width, &value, a->exit.width);
}

int access_serve(struct ukvmm_vcpu *vcpu, struct ukvmm_stop *stop)
{
	struct access *a = &vcpu->access;

	for (; a->next < a->exit.count; a->next++) {
		uint64_t value = 0;
		int rc;

		/* the run structure is shared with nobody but the kernel: still, one read */
		memcpy(&value, a->exit.data + a->next * a->exit.width, a->exit.width);
		rc = a->space == UKVMM_SPACE_MEMORY ? memory_access(vcpu, &value, stop) :
						      port_access(vcpu, &value, stop);
		if (rc)
			return rc;
		if (!a->exit.write)
			item_store(a, value);
	}
	a->open = false;
	return 0;
}

UKVMM_API int ukvmm_vcpu_answer(struct ukvmm_vcpu *vcpu, uint64_t value)
{
	struct access *a = &vcpu->access;
	struct ukvmm_vm *vm = vcpu->vm;
	int rc = -EBADFD;

	pthread_mutex_lock(&vm->lock);
	if (!vcpu->inside && a->trapped) {
		if (!a->exit.write)
			item_store(a, value);
		a->trapped = false;
		a->next++;
		rc = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

static bool trap_taken(const struct ukvmm_vm *vm, uint64_t addr, uint64_t len, uint32_t space)
{
	uint64_t low = vm->kind.memory < X86_RAM_GAP_START ? vm->kind.memory : X86_RAM_GAP_START;

	for (uint32_t i = 0; i < vm->traps; i++)
		if (vm->trap[i].space == space && overlaps(addr, len, vm->trap[i].addr, vm->trap[i].len))
			return true;
	if (space != UKVMM_SPACE_MEMORY)
		return overlaps(addr, len, X86_PORT_SERIAL, 8);
	return overlaps(addr, len, 0, low) ||
	       overlaps(addr, len, X86_RAM_GAP_END, vm->kind.memory - low) ||
	       overlaps(addr, len, X86_VIRTIO_BASE, X86_DOORBELL_BASE + X86_DOORBELL_SIZE - X86_VIRTIO_BASE) ||
	       overlaps(addr, len, X86_IOAPIC_BASE, X86_IOAPIC_SIZE) ||
	       overlaps(addr, len, X86_LAPIC_BASE, 0x1000) ||
	       overlaps(addr, len, X86_KVM_IDENTITY, 0x4000);
}

UKVMM_API int ukvmm_vm_trap(struct ukvmm_vm *vm, uint64_t addr, uint64_t len, uint32_t space,
	struct ukvmm_err *err)
{
	uint64_t limit = space == UKVMM_SPACE_X86_PORT ? 0x10000 : 1ull << 52;
	int rc = vm_check_new(vm, "ukvmm_vm_trap", err);

	if (rc)
		return rc;
	if (space > UKVMM_SPACE_X86_PORT || !len || out_of(addr, len, limit))
		return err_set(err, -EINVAL, "ukvmm_vm_trap", vm->name, "no such range in space %u", space);
	if (trap_taken(vm, addr, len, space))
		return err_set(err, -EEXIST, "ukvmm_vm_trap", vm->name,
			"0x%llx, %llu bytes, overlaps RAM, a device or another trap", (unsigned long long)addr,
			(unsigned long long)len);
	if (vm->traps == TRAPS_MAX)
		return err_set(err, -ENOSPC, "ukvmm_vm_trap", vm->name, "at most %d traps", TRAPS_MAX);
	vm->trap[vm->traps++] = (struct trap){ addr, len, space };
	return 0;
}
