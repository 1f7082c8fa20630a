/* SPDX-License-Identifier: Apache-2.0 */
/* Running a vCPU on the caller's thread: who may, and what its return means for the VM. */
#include "vcpu_run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "checked.h"
#include "err.h"
#include "export.h"
#include "structs.h"

UKVMM_API int ukvmm_vm_vcpu(struct ukvmm_vm *vm, uint32_t index, struct ukvmm_vcpu **out)
{
	*out = NULL;
	if (!vm->shell)
		return -EBADFD;
	if (index >= vm->vcpus)
		return -ERANGE;
	*out = &vm->vcpu[index];
	return 0;
}

UKVMM_API struct ukvmm_kicker *ukvmm_vcpu_kicker(struct ukvmm_vcpu *vcpu)
{
	atomic_fetch_add(&vcpu->kicker->refs, 1);
	return vcpu->kicker;
}

/* Claims the vCPU for this thread. */
static int claim(struct ukvmm_vcpu *vcpu, struct ukvmm_err *err)
{
	struct ukvmm_vm *vm = vcpu->vm;
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	if (vcpu->inside)
		rc = -EBUSY;
	else if (vcpu->done || vcpu->access.trapped)
		rc = -EBADFD;
	else {
		vcpu->inside = true;
		vm->inside++;
	}
	pthread_mutex_unlock(&vm->lock);
	if (rc == -EBUSY)
		return err_set(err, rc, "ukvmm_vcpu_run", vcpu->kvm->name, "another thread is running it");
	if (rc)
		return err_set(err, rc, "ukvmm_vcpu_run", vcpu->kvm->name,
			vcpu->done ? "it has returned its last stop" : "the TRAP before has no answer yet");
	return 0;
}

static bool is_last(uint32_t reason)
{
	switch (reason) {
	case UKVMM_STOP_POWEROFF:
	case UKVMM_STOP_RESET:
	case UKVMM_STOP_DEAD_HALT:
	case UKVMM_STOP_FAULT:
	case UKVMM_STOP_STOPPED:
		return true;
	}
	return false;
}

/* The last word about IDLE. Woken meanwhile: it looks again whether there is anything to run for, since the
 * interrupt of a slow waker may have been handled before the guest asked. */
static bool parks(struct ukvmm_vcpu *vcpu)
{
	int entering = PARK_ENTERING;

	if (atomic_load(&vcpu->vm->ctl) & CTL_STOP)
		return false;
	if (atomic_compare_exchange_strong(&vcpu->park, &entering, PARK_PARKED))
		return true;
	vcpu->idle_asked = true;
	return false;
}

/* Gives the vCPU back. False: it must not return after all, since what it returns for is over (woken while it
 * was parking or stopped, resumed while it was pausing). An error of KVM_RUN is the vCPU's end. */
static bool release(struct ukvmm_vcpu *vcpu, int rc, uint32_t reason)
{
	struct ukvmm_vm *vm = vcpu->vm;
	bool out = true;

	pthread_mutex_lock(&vm->lock);
	if (rc >= 0 && reason == UKVMM_STOP_IDLE && atomic_load(&vcpu->park) != PARK_PARKED)
		out = parks(vcpu);
	else if (rc >= 0 && reason == UKVMM_STOP_PAUSED)
		out = vcpu->paused = atomic_load(&vm->ctl) & CTL_PAUSE;
	if (out) {
		vcpu->inside = false;
		vm->inside--;
		if (rc < 0 || is_last(reason)) {
			vcpu->done = true;
			vm->done++;
			vm_end(vm);
		}
		vm_try_paused(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return out;
}

/* gettid without a system call, which a filtered thread would have to be granted: a thread's CPU clock has its id
 * inside (the encoding of stats.c). */
static pid_t thread_id(void)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock))
		return gettid();
	return (pid_t)(~(unsigned)clock >> 3);
}

static int run_once(struct run *r)
{
	struct ukvmm_vcpu *vcpu = r->vcpu;
	pid_t tid = thread_id();
	int rc;

	memset(&r->stop, 0, sizeof r->stop);
	kicker_enter(vcpu->kicker, tid, &r->mask);
	stats_begin(vcpu, tid);
	rc = limits_arm(vcpu, &r->limits, tid);
	if (rc)
		err_set(r->err, rc, "timer_create", vcpu->kvm->name, "%s", strerror(-rc));
	else
		rc = run_loop(r);
	limits_disarm(vcpu);
	stats_end(vcpu);
	kicker_leave(vcpu->kicker, &r->mask);
	return rc;
}

UKVMM_API int ukvmm_vcpu_run(struct ukvmm_vcpu *vcpu, const struct ukvmm_limits *limits,
	struct ukvmm_stop *stop, struct ukvmm_err *err)
{
	struct run r = { .vcpu = vcpu, .err = err };
	struct ukvmm_limits l;
	uint64_t now = ukvmm_now();
	int rc = struct_take(&l, sizeof l, limits);

	if (!rc && l.flags)
		rc = -EINVAL;
	if (rc)
		return err_set(err, rc, "ukvmm_vcpu_run", vcpu->kvm->name, "bad ukvmm_limits");
	rc = claim(vcpu, err);
	if (rc)
		return rc;
	r.limits = (struct run_limits){ l.slice_ns ? add_most(now, l.slice_ns) : 0, l.deadline, l.cpu_ns };
	if (!atomic_load_explicit(&vcpu->vm->first_entry_at, memory_order_relaxed))
		atomic_store(&vcpu->vm->first_entry_at, now);
	do
		rc = run_once(&r);
	while (!release(vcpu, rc, r.stop.reason));
	return rc < 0 ? rc : struct_give(stop, &r.stop, sizeof r.stop);
}
