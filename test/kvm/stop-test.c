/* SPDX-License-Identifier: Apache-2.0 */
/* Ending a VM: each vCPU returns its last stop exactly once, nobody is freed under a thread. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include <ukvmm/run.h>

static void every_vcpu_comes_back_once(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .vcpus = 4 };
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, &c);
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct runner r[4];

	for (uint32_t i = 0; i < 3; i++) /* the fourth is never run before the stop */
		runner_start(&r[i], vcpu_of(vm, i));
	assert_int_equal(ukvmm_vm_stop(vm), 0);
	assert_int_equal(ukvmm_vm_stop(vm), 0);
	for (uint32_t i = 0; i < 3; i++) {
		runner_join(&r[i]);
		assert_int_equal(r[i].rc, 0);
		assert_int_equal(r[i].stop.reason, UKVMM_STOP_STOPPED);
		assert_int_equal(ukvmm_vcpu_run(vcpu_of(vm, i), NULL, &stop, NULL), -EBADFD);
	}
	assert_int_equal(drain_events(f, UKVMM_EV_STOPPED), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 3), NULL).reason, UKVMM_STOP_STOPPED);
	assert_int_equal(drain_events(f, UKVMM_EV_STOPPED), 1);
	ukvmm_vm_destroy(vm);
}

/* The boot vCPU powers off while the others wait to be started: they come back, too. */
static void one_vcpu_ends_the_others(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .vcpus = 3 };
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, &c);
	struct runner r[2];

	runner_start(&r[0], vcpu_of(vm, 1));
	runner_start(&r[1], vcpu_of(vm, 2));
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42);
	for (int i = 0; i < 2; i++) {
		runner_join(&r[i]);
		assert_int_equal(r[i].rc, 0);
		assert_int_equal(r[i].stop.reason, UKVMM_STOP_STOPPED);
	}
	wait_event(f, UKVMM_EV_STOPPED);
	ukvmm_vm_destroy(vm);
}

static void no_destruction_under_a_thread(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_limits endless = { .size = sizeof endless };
	struct ukvmm_vm *vm = sealed_vm(f, guest_bell, NULL);
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_err err = { .size = sizeof err };
	struct runner r;

	runner_start_limits(&r, vcpu_of(vm, 0), &endless);
	wait_event(f, UKVMM_EV_NOTIFY); /* it is inside now, until it is stopped */
	assert_int_equal(ukvmm_vcpu_run(vcpu_of(vm, 0), NULL, &stop, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another thread"));
	assert_int_equal(ukvmm_vm_destroy(vm), -EBUSY);
	assert_int_equal(ukvmm_vm_stop(vm), 0);
	runner_join(&r);
	assert_int_equal(r.stop.reason, UKVMM_STOP_STOPPED);
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
}

static void run_to_the_end(void **state)
{
	struct fixture *f = *state;
	const struct tiny_code *const guests[] = { guest_exit42, guest_dead, guest_spin, guest_halt };
	const uint32_t reasons[] = { UKVMM_STOP_POWEROFF, UKVMM_STOP_DEAD_HALT, UKVMM_STOP_DEADLINE,
		UKVMM_STOP_DEADLINE };

	for (int i = 0; i < 4; i++) {
		const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .vcpus = i % 2 ? 2 : 1 };
		struct ukvmm_vm *vm = sealed_vm(f, guests[i], &c);
		struct ukvmm_stop stop = { .size = sizeof stop };

		assert_int_equal(ukvmm_vm_run(vm, i < 2 ? 0 : ukvmm_now() + 50000000, NULL, &stop, NULL), 0);
		assert_int_equal(stop.reason, reasons[i]);
		assert_int_equal(ukvmm_vm_destroy(vm), 0);
	}
}

/* Parked vCPUs and their deadline, through the convenience call. */
static void run_parks_and_wakes(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .flags = UKVMM_VM_PARK_IDLE };
	struct ukvmm_vm *vm = sealed_vm(f, guest_timer, &c);
	struct ukvmm_stop stop = { .size = sizeof stop };

	assert_int_equal(ukvmm_vm_run(vm, 0, NULL, &stop, NULL), 0);
	assert_int_equal(stop.value, 9);
	ukvmm_vm_destroy(vm);
	vm = sealed_vm(f, guest_idle, &c);
	assert_int_equal(ukvmm_vm_run(vm, ukvmm_now() + 30000000, NULL, &stop, NULL), 0);
	assert_int_equal(stop.reason, UKVMM_STOP_DEADLINE);
	ukvmm_vm_destroy(vm);
}

/* It would wait for an end that was told already. */
static void what_has_ended_cannot_be_run_again(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);

	assert_int_equal(ukvmm_vm_run(vm, ukvmm_now() + 20000000000u, NULL, &stop, NULL), 0);
	assert_int_equal(stop.value, 42);
	assert_int_equal(ukvmm_vm_run(vm, ukvmm_now() + 1000000000u, NULL, &stop, &err), -EBADFD);
	assert_string_equal(err.call, "ukvmm_vm_run");
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(what_has_ended_cannot_be_run_again),
		fixture_test(every_vcpu_comes_back_once),
		fixture_test(one_vcpu_ends_the_others),
		fixture_test(no_destruction_under_a_thread),
		fixture_test(run_to_the_end),
		fixture_test(run_parks_and_wakes),
	};

	return FIXTURE_RUN(tests);
}
