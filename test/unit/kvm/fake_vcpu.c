/* SPDX-License-Identifier: Apache-2.0 */
/* The fake's vCPU descriptors. */
#include "fake.h"

#include <errno.h>
#include <string.h>

void fake_vcpu_reset(struct fake_vcpu *vcpu, uint32_t index)
{
	uint32_t masked = 0x10000, spurious = 0x1ff, extint = 0x700;

	vcpu->index = index;
	vcpu->pending_extint = -1;
	vcpu->regs.rflags = 2;
	vcpu->sregs.apic_base = 0xfee00800 | (index ? 0 : 0x100);
	memcpy(vcpu->lapic.regs + 0xf0, &spurious, sizeof spurious);
	for (int reg = 0x320; reg <= 0x370; reg += 0x10)
		memcpy(vcpu->lapic.regs + reg, &masked, sizeof masked);
	if (!index) /* as KVM resets it */
		memcpy(vcpu->lapic.regs + 0x350, &extint, sizeof extint);
}

uint64_t *fake_msr(struct fake_vcpu *vcpu, uint32_t index)
{
	for (uint32_t i = 0; i < vcpu->msrs; i++)
		if (vcpu->msr[i].index == index)
			return (uint64_t *)&vcpu->msr[i].data;
	return NULL;
}

/* Like KVM: stops at the first that it refuses, and says how many went through. */
static int move_msrs(struct fake_kvm *fake, struct fake_vcpu *vcpu, struct kvm_msrs *msrs, bool set)
{
	uint32_t refused = set ? fake->refuse_msr_set : fake->refuse_msr_get;

	if (msrs->nmsrs > 256)
		return -E2BIG;
	for (uint32_t i = 0; i < msrs->nmsrs; i++) {
		uint64_t *value = fake_msr(vcpu, msrs->entries[i].index);

		if (!value || (refused && msrs->entries[i].index == refused))
			return (int)i;
		if (set)
			*value = msrs->entries[i].data;
		else
			msrs->entries[i].data = *value;
	}
	return (int)msrs->nmsrs;
}

static int set_cpuid(struct fake_vcpu *vcpu, const struct kvm_cpuid2 *in)
{
	if (in->nent > FAKE_CPUID)
		return -E2BIG;
	vcpu->cpuids = in->nent;
	memcpy(vcpu->cpuid, in->entries, in->nent * sizeof vcpu->cpuid[0]);
	return 0;
}

static int translate(const struct fake_kvm *fake, struct kvm_translation *t)
{
	t->valid = fake->translate_to != ~0ull;
	t->physical_address = t->linear_address + fake->translate_to;
	return 0;
}

static int interrupt(struct fake_vcpu *vcpu, const struct kvm_interrupt *irq)
{
	if (vcpu->pending_extint >= 0)
		return -EEXIST;
	vcpu->pending_extint = (int)irq->irq;
	return 0;
}

static int set_signal_mask(struct fake_vcpu *vcpu, const struct kvm_signal_mask *mask)
{
	if (mask->len != sizeof vcpu->signals_blocked)
		return -EINVAL;
	memcpy(&vcpu->signals_blocked, mask->sigset, sizeof vcpu->signals_blocked);
	return 0;
}

/* What a pair of ioctls only stores and gives back. */
struct cell {
	unsigned long get, set;
	void *p;
	size_t len;
};

static int move_cell(struct fake_vcpu *v, unsigned long request, void *arg)
{
	const struct cell cells[] = {
		{ KVM_GET_REGS, KVM_SET_REGS, &v->regs, sizeof v->regs },
		{ KVM_GET_SREGS, KVM_SET_SREGS, &v->sregs, sizeof v->sregs },
		{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, &v->mp_state, sizeof v->mp_state },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC, &v->lapic, sizeof v->lapic },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, &v->events, sizeof v->events },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, &v->debugregs, sizeof v->debugregs },
		{ KVM_GET_XCRS, KVM_SET_XCRS, &v->xcrs, sizeof v->xcrs },
		{ KVM_GET_XSAVE, KVM_SET_XSAVE, &v->xsave, sizeof v->xsave },
		{ KVM_GET_XSAVE2, KVM_SET_XSAVE, &v->xsave, sizeof v->xsave },
	};

	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		if (cells[i].get == request)
			memcpy(arg, cells[i].p, cells[i].len);
		else if (cells[i].set == request)
			memcpy(cells[i].p, arg, cells[i].len);
		else
			continue;
		return 0;
	}
	return -ENOTTY;
}

int fake_vcpu_ioctl(struct fake_kvm *fake, struct fake_vcpu *vcpu, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_SET_CPUID2:
		return set_cpuid(vcpu, arg);
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return move_msrs(fake, vcpu, arg, request == KVM_SET_MSRS);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, arg);
	case KVM_TRANSLATE:
		return translate(fake, arg);
	case KVM_INTERRUPT:
		return interrupt(vcpu, arg);
	case KVM_GET_TSC_KHZ:
		return fake->tsc_khz;
	}
	return move_cell(vcpu, request, arg);
}
