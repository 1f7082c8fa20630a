/* SPDX-License-Identifier: Apache-2.0 */
/* May a vCPU that says it is idle be parked, and until when? (Intel SDM vol. 3 §11.5.4, §11.8) */
#include <errno.h>
#include <time.h>

#include "kvm_x86.h"

enum { APIC_TPR = 0x80, APIC_SPIV = 0xf0, APIC_ISR = 0x100, APIC_IRR = 0x200, APIC_TDCR = 0x3e0, VECTOR_WORDS = 8 };

#define SPIV_ENABLED (1u << 8)

enum { DOUBT_NS = 1000000 };

/* The highest vector of a 256-bit register (eight words, 16 bytes apart), or -1. */
static int highest(const struct kvm_lapic_state *lapic, uint32_t reg)
{
	for (int i = VECTOR_WORDS - 1; i >= 0; i--) {
		uint32_t word = x86_lapic_get(lapic, reg + (uint32_t)i * 0x10);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

static bool interrupt_pending(const struct kvm_lapic_state *lapic)
{
	int irr = highest(lapic, APIC_IRR), isr = highest(lapic, APIC_ISR);
	int tpr = (int)(x86_lapic_get(lapic, APIC_TPR) & 0xf0);

	if (!(x86_lapic_get(lapic, APIC_SPIV) & SPIV_ENABLED))
		return false;
	return irr >= 0 && (irr & 0xf0) > tpr && (isr < 0 || (irr & 0xf0) > (isr & 0xf0));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int tsc_deadline(struct kvm_vcpu *vcpu, uint64_t *deadline)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[2];
	} msrs = { .head.nmsrs = 2, .entry = { { .index = X86_MSR_TSC_DEADLINE }, { .index = X86_MSR_TSC } } };
	uint32_t khz = vcpu->vm->host->tsc_khz;
	int rc = vcpu_ioctl_p(vcpu, KVM_GET_MSRS, &msrs);
	uint64_t due = msrs.entry[0].data, tsc = msrs.entry[1].data;
	unsigned __int128 ns;

	if (rc != 2 || !khz)
		return rc < 0 ? rc : -EINVAL;
	if (!due)
		return 0;
	/* expired, and not yet seen as an interrupt: KVM turns it into one in the next run */
	if (due <= tsc)
		return 1;
	ns = (unsigned __int128)(due - tsc) * 1000000 / khz;
	*deadline = ns > INT64_MAX ? INT64_MAX : now_ns() + (uint64_t)ns;
	return 0;
}

/* KVM's timer counts nanoseconds, divided by 1 to 128. */
static uint64_t count_ns(const struct kvm_lapic_state *lapic)
{
	uint32_t tdcr = x86_lapic_get(lapic, APIC_TDCR), code = (tdcr & 3) | (tdcr & 8) >> 1;

	return (uint64_t)x86_lapic_get(lapic, APIC_TMCCT) << ((code + 1) & 7);
}

/*
 * A one-shot timer at zero has fired; whether the guest has seen the interrupt cannot be told: KVM may hold
 * it outside of the IRR until the next run. So such a vCPU is parked for a short while only.
 */
static uint64_t count_deadline(const struct kvm_lapic_state *lapic)
{
	uint64_t left = count_ns(lapic);

	if (!x86_lapic_get(lapic, APIC_TMICT))
		return 0;
	return now_ns() + (left ? left : DOUBT_NS);
}

static int timer_until(struct kvm_vcpu *vcpu, const struct kvm_lapic_state *lapic, uint64_t *deadline)
{
	uint32_t lvtt = x86_lapic_get(lapic, APIC_LVTT);

	if (lvtt & LVT_MASKED)
		return 0;
	switch (lvtt & LVTT_MODE) {
	case LVTT_ONE_SHOT:
	case LVTT_PERIODIC:
		*deadline = count_deadline(lapic);
		return 0;
	case LVTT_DEADLINE:
		return tsc_deadline(vcpu, deadline);
	}
	return 0; /* reserved mode: never fires */
}

int kvm_vcpu_idle_until(struct kvm_vcpu *vcpu, uint64_t *timer_deadline)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_lapic_state lapic;
	int rc;

	*timer_deadline = 0;
	if (vcpu->vm->irqchip == KVM_CHIP_NONE)
		return -ENOTSUP;
	if (vcpu->extint)
		return 1;
	rc = vcpu_ioctl_p(vcpu, KVM_GET_LAPIC, &lapic);
	if (rc < 0)
		return rc;
	if (interrupt_pending(&lapic))
		return 1;
	rc = vcpu_ioctl_p(vcpu, KVM_GET_VCPU_EVENTS, &events);
	if (rc < 0)
		return rc;
	if (events.interrupt.injected || events.nmi.injected || events.nmi.pending || events.smi.pending)
		return 1;
	return timer_until(vcpu, &lapic, timer_deadline);
}
