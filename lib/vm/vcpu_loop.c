/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop of a vCPU: what keeps it from entering the guest, and what its exits ask for. */
#include "vcpu_run.h"

#include <errno.h>
#include <string.h>

#include "err.h"
#include "vm_hvt.h"

static int stopped(struct run *r, uint32_t reason)
{
	r->stop.reason = reason;
	return 1;
}

/* An exit that is an access becomes what access_serve works on. */
static void access_open(struct ukvmm_vcpu *vcpu, const struct kvm_exit *exit)
{
	vcpu->access = (struct access){ .exit = *exit, .open = true,
		.space = exit->kind == KVM_EXITED_MMIO ? UKVMM_SPACE_MEMORY : UKVMM_SPACE_X86_PORT };
}

/* Brings the registers to an instruction boundary. 1: another access must be served first. */
static int complete(struct run *r)
{
	struct kvm_exit exit;
	int rc = kvm_vcpu_complete(r->vcpu->kvm, &exit);

	if (rc < 0)
		return err_set(r->err, rc, "KVM_RUN", r->vcpu->kvm->name, "cannot complete an access: %s",
			strerror(-rc));
	if (rc)
		access_open(r->vcpu, &exit);
	return rc;
}

/* The idle doorbell: 1 to return IDLE. leave() has the last word, under the lock. */
static int park(struct run *r)
{
	struct ukvmm_vcpu *vcpu = r->vcpu;
	struct ukvmm_vm *vm = vcpu->vm;
	uint64_t deadline = 0;
	int rc = complete(r);

	if (rc)
		return rc < 0 ? rc : 0;
	vcpu->idle_asked = false;
	atomic_store(&vcpu->park, PARK_ENTERING);
	atomic_thread_fence(memory_order_seq_cst); /* see vm_wake */
	rc = kvm_vcpu_idle_until(vcpu->kvm, &deadline);
	if (rc || atomic_load(&vm->extint) || atomic_load(&vm->ctl) || atomic_load(&vcpu->kicker->kicked) ||
		(deadline && deadline <= ukvmm_now())) {
		atomic_store(&vcpu->park, PARK_NO);
		return rc < 0 ? err_set(r->err, rc, "KVM_GET_LAPIC", vcpu->kvm->name, "%s", strerror(-rc)) : 0;
	}
	if (deadline)
		poller_arm(vm->poller, &vcpu->idle_timer, deadline);
	vcpu->idle_until = deadline;
	r->stop.value = deadline;
	return stopped(r, UKVMM_STOP_IDLE);
}

/* The sender of an interrupt may be so slow that the guest had handled it before it rang for idle: a wake-up without an
 * interrupt is none. The timer's is taken at its word, since KVM may turn it into an interrupt in the next run only. */
static bool woken_for_nothing(const struct ukvmm_vcpu *vcpu, int park)
{
	return park == PARK_WOKEN && (!vcpu->idle_until || ukvmm_now() < vcpu->idle_until);
}

/* Everything that may keep the vCPU from entering the guest; 1: return *stop. */
static int attend(struct run *r)
{
	struct ukvmm_vcpu *vcpu = r->vcpu;
	unsigned ctl = atomic_load(&vcpu->vm->ctl);
	int parked;

	if (ctl & CTL_STOP)
		return stopped(r, UKVMM_STOP_STOPPED);
	if (ctl & CTL_PAUSE || atomic_load(&vcpu->kicker->kicked)) {
		/* A kicked one may be paused without being run again: no part of an access may be left then. */
		int rc = complete(r);

		if (rc)
			return rc < 0 ? rc : 0;
		return stopped(r, kicker_take_kick(vcpu->kicker) ? UKVMM_STOP_KICKED : UKVMM_STOP_PAUSED);
	}
	parked = atomic_load(&vcpu->park);
	if (parked == PARK_PARKED) /* run again without EV_RUNNABLE: still idle */
		return stopped(r, UKVMM_STOP_IDLE);
	atomic_store(&vcpu->park, PARK_NO);
	return vcpu->idle_asked || woken_for_nothing(vcpu, parked) ? park(r) : 0;
}

/* The 8259s' interrupt goes in by hand with a split irqchip. */
static void inject_extint(struct ukvmm_vcpu *vcpu)
{
	struct ukvmm_vm *vm = vcpu->vm;
	bool have = false;
	uint8_t vector = 0;

	if (vcpu->index || (!atomic_load(&vm->extint) && !vcpu->window))
		return;
	if (atomic_load(&vm->extint) && kvm_vcpu_inject_ready(vcpu->kvm)) {
		pthread_mutex_lock(&vm->board_lock);
		have = legacy_intr(&vm->board);
		if (have)
			vector = legacy_intack(&vm->board);
		pthread_mutex_unlock(&vm->board_lock);
	}
	if (have)
		kvm_vcpu_inject(vcpu->kvm, vector);
	vcpu->window = atomic_load(&vm->extint);
	kvm_vcpu_want_window(vcpu->kvm, vcpu->window);
}

/* Halted for good? With one vCPU a single look suffices: nobody can send it an NMI. With more, two looks in a row
 * at every vCPU, so that one that was woken in between is seen awake. */
static bool dead_halt(struct ukvmm_vcpu *vcpu)
{
	struct ukvmm_vm *vm = vcpu->vm;
	bool off = kvm_vcpu_interrupts_off(vcpu->kvm) && kvm_vcpu_is_halted(vcpu->kvm) == 1;

	if (vm->kind.irqchip == KVM_CHIP_NONE)
		return false;
	if (vm->vcpus == 1)
		return off;
	if (!off && vcpu->index && kvm_vcpu_is_waiting(vcpu->kvm) == 1)
		off = true;
	if (off)
		atomic_fetch_add(&vcpu->dead_slices, 1);
	else
		atomic_store(&vcpu->dead_slices, 0);
	for (uint32_t i = 0; i < vm->vcpus; i++)
		if (atomic_load(&vm->vcpu[i].dead_slices) < 2)
			return false;
	return true;
}

int run_interrupted(struct run *r)
{
	kicker_take_signals(r->vcpu->kicker);
	if (!limits_reached(r->vcpu, &r->limits, &r->stop))
		return 0;
	if (r->stop.reason == UKVMM_STOP_SLICE && dead_halt(r->vcpu))
		r->stop.reason = UKVMM_STOP_DEAD_HALT;
	return 1;
}

static int shut_down(struct run *r)
{
	bool broken_syscall = false;

	kvm_vcpu_explain(r->vcpu->kvm, &broken_syscall, r->err);
	if (broken_syscall)
		return stopped(r, UKVMM_STOP_FAULT);
	r->stop.flags |= UKVMM_STOP_TRIPLE_FAULT;
	if (vm_is_hvt(r->vcpu->vm)) { /* which has no way to reset itself, and would not */
		r->stop.flags |= UKVMM_STOP_GUEST_ERROR;
		return stopped(r, UKVMM_STOP_FAULT);
	}
	return stopped(r, UKVMM_STOP_RESET);
}

static int system_event(struct run *r, uint32_t type)
{
	enum { SHUTDOWN = 1, RESET = 2, CRASH = 3 };

	if (type == RESET)
		return stopped(r, UKVMM_STOP_RESET);
	if (type == CRASH)
		r->stop.flags |= UKVMM_STOP_PANICKED;
	return stopped(r, UKVMM_STOP_POWEROFF);
}

static int access_go(struct run *r)
{
	int rc = access_serve(r->vcpu, &r->stop);

	if (rc && r->stop.reason == UKVMM_STOP_FAULT)
		vm_hvt_explain(r);
	return rc;
}

/* 1: return *stop; 0: go on. */
static int serve(struct run *r, const struct kvm_exit *exit)
{
	struct ukvmm_vm *vm = r->vcpu->vm;
	bool unused;

	switch (exit->kind) {
	case KVM_EXITED_PORT:
	case KVM_EXITED_MMIO:
		access_open(r->vcpu, exit);
		return access_go(r);
	case KVM_EXITED_SIGNAL:
		return run_interrupted(r);
	case KVM_EXITED_AGAIN:
	case KVM_EXITED_INTR_WINDOW:
		return 0;
	case KVM_EXITED_EOI:
		pthread_mutex_lock(&vm->board_lock);
		legacy_eoi(&vm->board, exit->vector);
		pthread_mutex_unlock(&vm->board_lock);
		return 0;
	case KVM_EXITED_HLT: /* no interrupt chip: nothing could wake it */
		return stopped(r, UKVMM_STOP_DEAD_HALT);
	case KVM_EXITED_SHUTDOWN:
		return shut_down(r);
	case KVM_EXITED_SYSTEM:
		return system_event(r, exit->system_type);
	case KVM_EXITED_REFUSED:
		break;
	}
	kvm_vcpu_explain(r->vcpu->kvm, &unused, r->err);
	return stopped(r, UKVMM_STOP_FAULT);
}

/* A VM's first KVM_RUN starts a kernel thread, and a pending signal makes that -EAGAIN: then it is merely an
 * interruption. Without one it means that no thread could be made. */
static bool first_run_interrupted(struct run *r, int rc)
{
	return rc == -EAGAIN && kicker_take_signals(r->vcpu->kicker);
}

int run_loop(struct run *r)
{
	struct ukvmm_vcpu *vcpu = r->vcpu;
	struct kvm_exit exit;
	int rc = 0;

	for (;;) {
		if (vcpu->access.open)
			rc = access_go(r);
		if (!rc)
			rc = attend(r);
		if (rc)
			return rc;
		if (vcpu->access.open)
			continue;
		if (vm_is_hvt(vcpu->vm) && hvt_open(vcpu->vm->hvt.guest)) {
			rc = vm_hvt_wait(r);
			if (rc)
				return rc;
			continue;
		}
		inject_extint(vcpu);
		rc = kvm_vcpu_run(vcpu->kvm, &exit);
		atomic_store_explicit(&vcpu->exits, vcpu->kvm->exits, memory_order_relaxed);
		if (first_run_interrupted(r, rc))
			exit.kind = KVM_EXITED_SIGNAL;
		else if (rc == -EFAULT && vm_is_hvt(vcpu->vm))
			return vm_hvt_write_fault(r);
		else if (rc)
			return err_set(r->err, rc, "KVM_RUN", vcpu->kvm->name, "%s", strerror(-rc));
		rc = serve(r, &exit);
		if (rc)
			return rc;
	}
}
