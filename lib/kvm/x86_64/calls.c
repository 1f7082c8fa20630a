/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <linux/kvm.h>

#define LOOK (CALL_STATE | CALL_INSPECT)

static const struct call_rule rules[] = {
	CALL_IOCTL(KVM_INTERRUPT, CALL_VCPU, "an interrupt of the board's 8259s"),
	CALL_IOCTL(KVM_GET_LAPIC, CALL_VCPU | CALL_STATE,
		"does an interrupt wait, when is the timer due, before it parks?"),
	CALL_IOCTL(KVM_GET_MSRS, CALL_VCPU | CALL_CREATE | CALL_STATE,
		"the deadline timer before it parks; SYSCALL's entry of a guest that died"),
	CALL_IOCTL(KVM_GET_REGS, CALL_VCPU | LOOK, "where a guest died"),
	CALL_IOCTL(KVM_GET_SREGS, CALL_VCPU | CALL_CREATE | LOOK,
		"where a guest died; what its entry state is made from"),
	CALL_IOCTL(KVM_TRANSLATE, CALL_VCPU | LOOK, "the instruction at which a guest died"),
	CALL_IOCTL(KVM_SET_TSS_ADDR, CALL_CREATE, "a VM, on Intel"),
	CALL_IOCTL(KVM_SET_IDENTITY_MAP_ADDR, CALL_CREATE, "a VM, on Intel"),
	CALL_IOCTL(KVM_CREATE_IRQCHIP, CALL_CREATE, "KVM's own interrupt chips, where asked for"),
	CALL_IOCTL(KVM_CREATE_PIT2, CALL_CREATE, "KVM's own timer chip, where asked for"),
	CALL_IOCTL(KVM_SET_CPUID2, CALL_CREATE, "what CPU the guest sees"),
	CALL_IOCTL(KVM_GET_TSC_KHZ, CALL_CREATE, "the rate of the TSC"),
	CALL_IOCTL(KVM_SET_MSRS, CALL_CREATE | CALL_STATE, "MSRs at reset; of a state"),
	CALL_IOCTL(KVM_SET_REGS, CALL_CREATE | CALL_STATE, "the entry state; of a state"),
	CALL_IOCTL(KVM_SET_SREGS, CALL_CREATE | CALL_STATE, "the entry state; of a state"),
	CALL("gettid", CALL_STATE, "a state's timers: a run that the kick ends before the guest goes on"),
	CALL("getpid", CALL_STATE, "the same"),
	CALL_IOCTL(KVM_GET_CLOCK, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_CLOCK, CALL_STATE, "state"),
	CALL_IOCTL(KVM_GET_DEBUGREGS, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_DEBUGREGS, CALL_STATE, "state"),
	CALL_IOCTL(KVM_GET_IRQCHIP, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_IRQCHIP, CALL_STATE, "state"),
	CALL_IOCTL(KVM_GET_PIT2, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_PIT2, CALL_STATE, "state"),
	CALL_IOCTL(KVM_GET_XCRS, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_XCRS, CALL_STATE, "state"),
	CALL_IOCTL(KVM_GET_XSAVE, CALL_STATE, "state"),
	CALL_IOCTL(KVM_GET_XSAVE2, CALL_STATE, "state, on CPUs with more of it"),
	CALL_IOCTL(KVM_SET_XSAVE, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_LAPIC, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_MP_STATE, CALL_STATE, "state"),
	CALL_IOCTL(KVM_SET_VCPU_EVENTS, CALL_STATE, "state"),
};

CALL_TABLE(kvm_x86_64);
