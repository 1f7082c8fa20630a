/* SPDX-License-Identifier: Apache-2.0 */
/* KVM of any architecture; x86_64/calls.c has the rest. */
#include "calls.h"

#include <linux/kvm.h>
#include <sys/mman.h>

#define LOOK (CALL_STATE | CALL_INSPECT)

static const struct call_rule rules[] = {
	CALL_IOCTL(KVM_RUN, CALL_VCPU | LOOK, "the guest runs; an access is completed before state is read"),
	CALL_IOCTL(KVM_GET_MP_STATE, CALL_VCPU | CALL_STATE, "is it halted for good? has it been started?"),
	CALL_IOCTL(KVM_GET_VCPU_EVENTS, CALL_VCPU | CALL_STATE, "does an interrupt wait, before it parks?"),
	CALL_IOCTL(KVM_SIGNAL_MSI, CALL_VCPU | CALL_IO, "interrupts of devices and of the board's IOAPIC"),
	CALL_IOCTL(KVM_IRQ_LINE, CALL_VCPU | CALL_IO, "interrupts, with KVM's own IOAPIC"),
	CALL_IOCTL(KVM_SET_GSI_ROUTING, CALL_VCPU | CALL_IO, "the guest programs its IOAPIC"),
	CALL_IOCTL(KVM_IOEVENTFD, CALL_IO, "a queue that is kicked often gets its eventfd"),
	CALL_IOCTL(KVM_CREATE_VM, CALL_CREATE, "a VM"),
	CALL_IOCTL(KVM_CREATE_VCPU, CALL_CREATE, "its vCPUs"),
	CALL_IOCTL(KVM_SET_USER_MEMORY_REGION, CALL_CREATE, "its RAM"),
	CALL_IOCTL(KVM_CHECK_EXTENSION, CALL_CREATE, "what this VM can do"),
	CALL_IOCTL(KVM_ENABLE_CAP, CALL_CREATE, "split interrupt chip, no polling in HLT, quirks off"),
	CALL_IOCTL(KVM_SET_SIGNAL_MASK, CALL_CREATE, "the kick ends a run"),
	CALL("mmap", CALL_CREATE, "a vCPU's run structure", CALL_EQ(2, PROT_READ | PROT_WRITE), CALL_EQ(3, MAP_SHARED)),
};

CALL_TABLE(kvm);
