/* SPDX-License-Identifier: Apache-2.0 */
/* Pause, resume, stop, and the parking of idle vCPUs. */
#include "vm.h"

#include <errno.h>

#include "export.h"

static void poke_all(struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpus; i++)
		if (vm->vcpu[i].inside)
			kicker_poke(vm->vcpu[i].kicker);
}

static void post_runnable(struct ukvmm_vcpu *vcpu)
{
	poller_post(vcpu->vm->poller, vcpu->vm, UKVMM_EV_RUNNABLE, vcpu->index);
}

void vm_wake(struct ukvmm_vm *vm, uint32_t index)
{
	struct ukvmm_vcpu *vcpu = &vm->vcpu[index];
	int entering = PARK_ENTERING;

	/* The interrupt was handed to KVM before this load; a parking vCPU stores ENTERING before it looks for
	 * one: at least one side sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&vcpu->park) == PARK_NO)
		return;
	if (atomic_compare_exchange_strong(&vcpu->park, &entering, PARK_NO))
		return;
	entering = PARK_PARKED;
	if (atomic_compare_exchange_strong(&vcpu->park, &entering, PARK_WOKEN)) {
		poller_arm(vm->poller, &vcpu->idle_timer, 0);
		poller_post(vm->poller, vm, UKVMM_EV_RUNNABLE, index);
	}
}

/* Every vCPU is out, none owes an answer: the rest is the poller's (devices run there). */
void vm_try_paused(struct ukvmm_vm *vm)
{
	if (vm->state != VM_PAUSING || vm->inside)
		return;
	for (uint32_t i = 0; i < vm->vcpus; i++)
		if (vm->vcpu[i].access.open)
			return;
	vm->quiesce_asked = true;
	poller_work(vm->poller, vm);
}

/* Lock held. Not where it was resumed or stopped while devices became quiet: what they said then was of a pause that is
 * over, and the next one asks them anew. A vCPU that is inside, to be told of the pause, asks again when it leaves. */
static void pause_done(struct ukvmm_vm *vm, uint32_t pause)
{
	if (!vm->quiesce_asked || vm->pauses != pause || vm->state != VM_PAUSING || vm->inside)
		return;
	vm->quiesce_asked = false;
	devices_hold(vm);
	machine_freeze(vm);
	vm->state = VM_PAUSED;
	poller_post(vm->poller, vm, UKVMM_EV_PAUSED, 0);
}

static void try_quiet(struct ukvmm_vm *vm)
{
	uint32_t pause;
	bool asked;

	pthread_mutex_lock(&vm->lock);
	asked = vm->quiesce_asked;
	pause = vm->pauses;
	pthread_mutex_unlock(&vm->lock);
	if (!asked || !devices_quiesce(vm, pause))
		return;
	pthread_mutex_lock(&vm->lock);
	pause_done(vm, pause);
	pthread_mutex_unlock(&vm->lock);
}

void vm_work(struct ukvmm_vm *vm)
{
	devices_work(vm);
	try_quiet(vm);
}

UKVMM_API int ukvmm_vm_pause(struct ukvmm_vm *vm)
{
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->state == VM_SEALED) {
		vm->state = VM_PAUSING;
		vm->pauses++;
		atomic_fetch_or(&vm->ctl, CTL_PAUSE);
		poke_all(vm);
		vm_try_paused(vm);
	} else if (vm->state != VM_PAUSING && vm->state != VM_PAUSED) {
		rc = -EBADFD;
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

UKVMM_API int ukvmm_vm_resume(struct ukvmm_vm *vm)
{
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->state != VM_PAUSED && vm->state != VM_PAUSING) {
		rc = -EBADFD;
	} else {
		vm->state = VM_SEALED;
		vm->quiesce_asked = false;
		atomic_fetch_and(&vm->ctl, ~(unsigned)CTL_PAUSE);
		for (uint32_t i = 0; i < vm->vcpus; i++) {
			if (vm->vcpu[i].paused)
				post_runnable(&vm->vcpu[i]);
			vm->vcpu[i].paused = false;
		}
		/* under the lock: or it might undo what the next pause does */
		devices_release(vm);
		machine_thaw(vm);
		poller_work(vm->poller, vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

/* A parked or paused vCPU must come back once more, to return STOPPED. */
static void recall(struct ukvmm_vcpu *vcpu)
{
	int parked = PARK_PARKED;
	bool woken = atomic_compare_exchange_strong(&vcpu->park, &parked, PARK_WOKEN);

	if (woken || vcpu->paused)
		post_runnable(vcpu);
	vcpu->paused = false;
}

void vm_end(struct ukvmm_vm *vm)
{
	if (vm->state != VM_ENDED)
		vm->state = VM_ENDING;
	atomic_fetch_or(&vm->ctl, CTL_STOP);
	poke_all(vm);
	for (uint32_t i = 0; i < vm->vcpus; i++)
		if (!vm->vcpu[i].done)
			recall(&vm->vcpu[i]);
	if (vm->done == vm->vcpus && vm->state != VM_ENDED) {
		vm->state = VM_ENDED;
		atomic_store(&vm->ended_at, ukvmm_now());
		poller_post(vm->poller, vm, UKVMM_EV_STOPPED, 0);
	}
}

UKVMM_API int ukvmm_vm_stop(struct ukvmm_vm *vm)
{
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->state == VM_NEW)
		rc = -EBADFD;
	else if (vm->state != VM_ENDED)
		vm_end(vm);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}
