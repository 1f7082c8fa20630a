/* SPDX-License-Identifier: Apache-2.0 */
/* Pause is asynchronous; a paused VM stands still, can be looked into, and goes on. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include <ukvmm/debug.h>

static void a_running_vm_pauses_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_bell, NULL);
	uint64_t last = 0;

	for (int round = 0; round < 10; round++) {
		struct ukvmm_x86_regs regs;
		uint64_t n;
		struct runner r;

		runner_start(&r, vcpu_of(vm, 0));
		n = wait_event(f, UKVMM_EV_NOTIFY);
		assert_true(n >= last); /* the pause may have come between the count and the ring */
		assert_int_equal(ukvmm_vm_pause(vm), 0);
		wait_event(f, UKVMM_EV_PAUSED);
		runner_join(&r);
		assert_int_equal(r.stop.reason, UKVMM_STOP_PAUSED);
		/* registers are at an instruction boundary, and nothing moves */
		assert_int_equal(ukvmm_debug_regs(vcpu_of(vm, 0), &regs, sizeof regs), 0);
		assert_true(regs.rip >= TINY_LOAD && regs.rip < TINY_LOAD + 64);
		last = regs.rax;
		assert_true(last >= n);
		assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_PAUSED);
		drain_events(f, UKVMM_EV_NOTIFY);
		assert_int_equal(ukvmm_vm_resume(vm), 0);
		assert_int_equal(wait_event(f, UKVMM_EV_RUNNABLE), 0);
	}
	ukvmm_vm_destroy(vm);
}

static void a_vm_that_never_ran_pauses(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);
	uint8_t code[4];
	uint64_t phys = 0;

	assert_int_equal(ukvmm_vm_pause(vm), 0);
	wait_event(f, UKVMM_EV_PAUSED);
	assert_int_equal(ukvmm_debug_read(vm, TINY_LOAD, code, sizeof code), 4);
	assert_memory_equal(code, guest_exit42->start, 4);
	assert_int_equal(ukvmm_debug_read(vm, 1ull << 40, code, sizeof code), -EFAULT);
	assert_int_equal(ukvmm_debug_read(vm, (16 << 20) - 2, code, sizeof code), -EFAULT);
	assert_int_equal(ukvmm_debug_translate(vcpu_of(vm, 0), TINY_LOAD + 5, &phys), 0);
	assert_int_equal(phys, TINY_LOAD + 5);
	assert_int_equal(ukvmm_debug_translate(vcpu_of(vm, 0), 1ull << 40, &phys), -EFAULT);
	assert_int_equal(ukvmm_vm_resume(vm), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42);
	ukvmm_vm_destroy(vm);
}

/* An access that was returned as TRAP is not over: the VM is paused only after its answer. */
static void a_trap_without_answer_holds_the_pause(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = make_vm(f, guest_trap, NULL);

	assert_int_equal(ukvmm_vm_trap(vm, GUEST_PORT, 1, UKVMM_SPACE_X86_PORT, NULL), 0);
	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_TRAP);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	assert_int_equal(drain_events(f, UKVMM_EV_PAUSED), 0);
	assert_int_equal(ukvmm_vcpu_answer(vcpu_of(vm, 0), 41), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_PAUSED);
	wait_event(f, UKVMM_EV_PAUSED);
	assert_int_equal(ukvmm_vm_resume(vm), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42);
	ukvmm_vm_destroy(vm);
}

static void pausing_twice_or_after_the_end(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);

	assert_int_equal(ukvmm_vm_resume(vm), -EBADFD);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	assert_int_equal(drain_events(f, UKVMM_EV_PAUSED), 1);
	assert_int_equal(ukvmm_vm_stop(vm), 0); /* from paused */
	assert_int_equal(ukvmm_vm_resume(vm), -EBADFD);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_STOPPED);
	wait_event(f, UKVMM_EV_STOPPED);
	assert_int_equal(ukvmm_vm_pause(vm), -EBADFD);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_running_vm_pauses_and_goes_on),
		fixture_test(a_vm_that_never_ran_pauses),
		fixture_test(a_trap_without_answer_holds_the_pause),
		fixture_test(pausing_twice_or_after_the_end),
	};

	return FIXTURE_RUN(tests);
}
