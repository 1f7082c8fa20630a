/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "kvm_internal.h"

static void decode_port(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	struct kvm_run *run = vcpu->run;

	vcpu->io_pending = true;
	*exit = (struct kvm_exit){
		.kind = KVM_EXITED_PORT,
		.addr = run->io.port,
		.width = run->io.size,
		.count = run->io.count,
		.write = run->io.direction == KVM_EXIT_IO_OUT,
		.data = (uint8_t *)run + run->io.data_offset,
	};
}

static void decode_mmio(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	struct kvm_run *run = vcpu->run;

	vcpu->io_pending = true;
	*exit = (struct kvm_exit){
		.kind = KVM_EXITED_MMIO,
		.addr = run->mmio.phys_addr,
		.width = run->mmio.len,
		.count = 1,
		.write = run->mmio.is_write,
		.data = run->mmio.data,
	};
}

static void decode_system(const struct kvm_run *run, struct kvm_exit *exit)
{
	bool known = run->system_event.type >= KVM_SYSTEM_EVENT_SHUTDOWN &&
		run->system_event.type <= KVM_SYSTEM_EVENT_CRASH;

	exit->kind = known ? KVM_EXITED_SYSTEM : KVM_EXITED_REFUSED;
	exit->system_type = run->system_event.type;
}

static void decode(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	const struct kvm_run *run = vcpu->run;

	*exit = (struct kvm_exit){ .kind = KVM_EXITED_REFUSED };
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		decode_port(vcpu, exit);
		break;
	case KVM_EXIT_MMIO:
		decode_mmio(vcpu, exit);
		break;
	case KVM_EXIT_IOAPIC_EOI:
		exit->kind = KVM_EXITED_EOI;
		exit->vector = run->eoi.vector;
		break;
	case KVM_EXIT_INTR:
		exit->kind = KVM_EXITED_SIGNAL;
		break;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		exit->kind = KVM_EXITED_INTR_WINDOW;
		break;
	case KVM_EXIT_HLT:
		exit->kind = KVM_EXITED_HLT;
		break;
	case KVM_EXIT_SHUTDOWN:
		exit->kind = KVM_EXITED_SHUTDOWN;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		decode_system(run, exit);
		break;
	case KVM_EXIT_SET_TPR: /* a guest without LAPIC wrote CR8: nothing to do */
		exit->kind = KVM_EXITED_AGAIN;
		break;
	}
}

/* A waiting AP's KVM_RUN is -EAGAIN when its INIT (and perhaps SIPI) came, so the question is what it was
 * before. Any other -EAGAIN is a failure, such as a process limit that stops KVM's worker thread. */
static int run_again(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	int waiting;

	if (!vcpu->waiting)
		return -EAGAIN;
	waiting = kvm_vcpu_is_waiting(vcpu);
	if (waiting < 0)
		return waiting;
	vcpu->waiting = waiting;
	*exit = (struct kvm_exit){ .kind = KVM_EXITED_AGAIN };
	return 0;
}

/*
 * Did this KVM_RUN get as far as the guest? With immediate_exit set it leaves before, and before an injected
 * ExtINT was taken; only a signal in the loop writes the exit reason.
 */
static bool went_in(const struct kvm_vcpu *vcpu, int rc)
{
	return rc == 0 || (rc == -EINTR && vcpu->run->exit_reason == KVM_EXIT_INTR);
}

int kvm_vcpu_run(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	int rc;

	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	rc = kvm_ioctl(vcpu->vm->host, vcpu->fd, KVM_RUN, 0);
	if (rc == -EAGAIN)
		return run_again(vcpu, exit);
	vcpu->io_pending = false; /* whatever happened, KVM completed it first */
	if (went_in(vcpu, rc))
		vcpu->extint = 0;
	if (rc == -EINTR) {
		*exit = (struct kvm_exit){ .kind = KVM_EXITED_SIGNAL };
		return 0;
	}
	if (rc < 0)
		return rc;
	vcpu->exits++;
	decode(vcpu, exit);
	return 0;
}

int kvm_vcpu_complete(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	uint8_t before;
	int rc;

	if (!vcpu->io_pending)
		return 0;
	before = vcpu->run->immediate_exit;
	kvm_vcpu_immediate_exit(vcpu, true);
	rc = kvm_vcpu_run(vcpu, exit);
	kvm_vcpu_immediate_exit(vcpu, before);
	if (rc)
		return rc;
	return exit->kind != KVM_EXITED_SIGNAL;
}
