/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kvm_x86.h"

enum { LVT_LINT0 = 0x350, LVT_LINT1 = 0x360 };

#define LVT_NMI 0x400u
#define LVT_EXTINT 0x700u

uint32_t x86_lapic_get(const struct kvm_lapic_state *lapic, uint32_t reg)
{
	uint32_t value;

	memcpy(&value, lapic->regs + reg, sizeof value);
	return value;
}

void x86_lapic_put(struct kvm_lapic_state *lapic, uint32_t reg, uint32_t value)
{
	memcpy(lapic->regs + reg, &value, sizeof value);
}

int x86_lapic_init(struct kvm_vcpu *vcpu, struct ukvmm_err *err)
{
	struct kvm_lapic_state lapic;
	int rc;

	/* An AP's pins are masked again by the INIT that starts it, so only the boot vCPU's matter. */
	if (vcpu->vm->irqchip == KVM_CHIP_NONE || vcpu->index)
		return 0;
	rc = vcpu_ioctl_p(vcpu, KVM_GET_LAPIC, &lapic);
	if (rc < 0)
		return kvm_fail(err, rc, "KVM_GET_LAPIC", vcpu->name);
	x86_lapic_put(&lapic, LVT_LINT0, LVT_EXTINT);
	x86_lapic_put(&lapic, LVT_LINT1, LVT_NMI);
	rc = vcpu_ioctl_p(vcpu, KVM_SET_LAPIC, &lapic);
	return rc < 0 ? kvm_fail(err, rc, "KVM_SET_LAPIC", vcpu->name) : 0;
}
