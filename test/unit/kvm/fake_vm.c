/* SPDX-License-Identifier: Apache-2.0 */
/* The fake's /dev/kvm and VM descriptors. */
#include "fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_BYTES = 12288 };

static const uint32_t msr_list[] = { 0x174, 0x6e0, 0x277, 0x10, 0x1a0, 0x2ff, 0xc0000081,
	0xc0000082, 0x4b564d00, 0x4b564d06 };

static int check_extension(const struct fake_kvm *fake, unsigned long cap)
{
	for (uint32_t i = fake->caps; i > 0; i--)
		if (fake->cap[i - 1].cap == cap)
			return fake->cap[i - 1].value;
	switch (cap) {
	case KVM_CAP_MAX_VCPUS:
		return 64;
	case KVM_CAP_SYNC_REGS:
		return KVM_SYNC_X86_VALID_FIELDS;
	case KVM_CAP_XSAVE2:
		return sizeof(struct kvm_xsave);
	}
	return 1;
}

static int supported_cpuid(const struct fake_kvm *fake, struct kvm_cpuid2 *out)
{
	if (out->nent < fake->cpuids)
		return -E2BIG;
	out->nent = fake->cpuids;
	memcpy(out->entries, fake->cpuid, fake->cpuids * sizeof fake->cpuid[0]);
	return 0;
}

static int list_msrs(struct kvm_msr_list *out)
{
	uint32_t room = out->nmsrs;

	out->nmsrs = sizeof msr_list / sizeof msr_list[0];
	if (room < out->nmsrs)
		return -E2BIG;
	memcpy(out->indices, msr_list, sizeof msr_list);
	return 0;
}

static void *zeroed(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		abort();
	return p;
}

static int create_vm(struct fake_kvm *fake)
{
	struct fake_vm *vm = zeroed(sizeof *vm);
	int fd = fake_new_fd(fake, FAKE_VM, vm);

	if (fd < 0)
		free(vm);
	return fd;
}

int fake_dev_ioctl(struct fake_kvm *fake, unsigned long request, uintptr_t arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return fake->api_version;
	case KVM_CHECK_EXTENSION:
		return check_extension(fake, arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_BYTES;
	case KVM_GET_SUPPORTED_CPUID:
		return supported_cpuid(fake, (void *)arg);
	case KVM_GET_MSR_INDEX_LIST:
		return list_msrs((void *)arg);
	case KVM_CREATE_VM:
		return create_vm(fake);
	}
	return -ENOTTY;
}

static int create_vcpu(struct fake_kvm *fake, const struct fake_vm *vm, uint32_t index)
{
	struct fake_vcpu *vcpu = zeroed(sizeof *vcpu);
	int fd = fake_new_fd(fake, FAKE_VCPU, vcpu);

	if (fd < 0) {
		free(vcpu);
		return fd;
	}
	fake_vcpu_reset(vcpu, index);
	if (index && (vm->split || vm->full))
		vcpu->mp_state.mp_state = KVM_MP_STATE_UNINITIALIZED;
	for (size_t i = 0; i < sizeof msr_list / sizeof msr_list[0]; i++)
		vcpu->msr[vcpu->msrs++].index = msr_list[i];
	return fd;
}

static int add_slot(struct fake_vm *vm, const struct kvm_userspace_memory_region *slot)
{
	if (vm->slots == sizeof vm->slot / sizeof vm->slot[0] || vm->split || vm->full)
		return -EBUSY; /* KVM would take it, but late: see host-facts on grace periods */
	vm->slot[vm->slots++] = *slot;
	return 0;
}

static int set_routes(struct fake_vm *vm, const struct kvm_irq_routing *table)
{
	if (table->nr > sizeof vm->route / sizeof vm->route[0])
		return -EINVAL;
	vm->routes = table->nr;
	memcpy(vm->route, table->entries, table->nr * sizeof vm->route[0]);
	return 0;
}

static int enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->cap == KVM_CAP_SPLIT_IRQCHIP) {
		if (vm->split || vm->full || cap->args[0] > 4096)
			return -EINVAL;
		vm->split = true;
	}
	return 0;
}

static int chip_state(struct fake_vm *vm, struct kvm_irqchip *chip, bool set)
{
	if (!vm->full)
		return -ENXIO;
	if (chip->chip_id > 2)
		return -EINVAL;
	if (set)
		vm->chip[chip->chip_id] = *chip;
	else
		memcpy(chip->chip.dummy, vm->chip[chip->chip_id].chip.dummy, sizeof chip->chip.dummy);
	return 0;
}

static int full_ioctl(struct fake_vm *vm, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_CREATE_IRQCHIP:
		vm->full = true;
		return 0;
	case KVM_CREATE_PIT2:
		vm->pit = true;
		return vm->full ? 0 : -ENOENT;
	case KVM_IRQ_LINE:
		vm->line = *(struct kvm_irq_level *)arg;
		return vm->full ? 0 : -ENXIO;
	case KVM_GET_IRQCHIP:
	case KVM_SET_IRQCHIP:
		return chip_state(vm, arg, request == KVM_SET_IRQCHIP);
	case KVM_GET_PIT2:
		*(struct kvm_pit_state2 *)arg = vm->pit_state;
		return vm->pit ? 0 : -ENXIO;
	case KVM_SET_PIT2:
		vm->pit_state = *(struct kvm_pit_state2 *)arg;
		return vm->pit ? 0 : -ENXIO;
	}
	return -ENOTTY;
}

int fake_vm_ioctl(struct fake_kvm *fake, struct fake_vm *vm, unsigned long request, uintptr_t arg)
{
	switch (request) {
	case KVM_CREATE_VCPU:
		return create_vcpu(fake, vm, (uint32_t)arg);
	case KVM_CHECK_EXTENSION:
		return check_extension(fake, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return add_slot(vm, (void *)arg);
	case KVM_SET_TSS_ADDR:
	case KVM_SET_IDENTITY_MAP_ADDR:
		return 0;
	case KVM_GET_TSC_KHZ:
		return fake->tsc_khz;
	case KVM_ENABLE_CAP:
		return enable_cap(vm, (void *)arg);
	case KVM_SET_GSI_ROUTING:
		return set_routes(vm, (void *)arg);
	case KVM_SIGNAL_MSI:
		vm->msi = *(struct kvm_msi *)arg;
		vm->msis++;
		return 1;
	case KVM_IOEVENTFD:
		vm->ioeventfd = *(struct kvm_ioeventfd *)arg;
		vm->ioeventfds++;
		return 0;
	case KVM_GET_CLOCK:
		((struct kvm_clock_data *)arg)->clock = vm->clock;
		return 0;
	case KVM_SET_CLOCK:
		vm->clock = ((struct kvm_clock_data *)arg)->clock;
		return 0;
	}
	return full_ioctl(vm, request, (void *)arg);
}
