/* SPDX-License-Identifier: Apache-2.0 */
/* Slice, CPU time and deadline end a run that would not end; accounting can be read meanwhile. */
#include "fixture.h"

#include <stdlib.h>

static void a_slice_ends_a_spin_and_a_halt(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_limits l = { .size = sizeof l, .slice_ns = 2000000 };
	const struct tiny_code *const guests[] = { guest_spin, guest_halt, guest_chatty };

	for (int i = 0; i < 3; i++) {
		struct ukvmm_vm *vm = sealed_vm(f, guests[i], NULL);
		uint64_t before = ukvmm_now();

		for (int n = 0; n < 5; n++)
			assert_int_equal(run_vcpu(vcpu_of(vm, 0), &l).reason, UKVMM_STOP_SLICE);
		assert_true(ukvmm_now() - before >= 5 * l.slice_ns);
		ukvmm_vm_destroy(vm);
	}
}

static void a_deadline_ends_a_run(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct ukvmm_limits l = { .size = sizeof l, .slice_ns = 1000000, .deadline = ukvmm_now() + 20000000 };
	uint32_t reason;
	int slices = 0;

	while ((reason = run_vcpu(vcpu_of(vm, 0), &l).reason) == UKVMM_STOP_SLICE)
		slices++;
	assert_int_equal(reason, UKVMM_STOP_DEADLINE);
	assert_true(ukvmm_now() >= l.deadline);
	/* it is over: the next run ends at once; but not the last stop */
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), &l).reason, UKVMM_STOP_DEADLINE);
	(void)slices;
	ukvmm_vm_destroy(vm);
}

/* As large as can be said is as good as none, and no limit that is over. */
static void the_largest_limits_are_none(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_limits l = { .size = sizeof l, .slice_ns = UINT64_MAX, .cpu_ns = UINT64_MAX,
		.deadline = UINT64_MAX };
	struct ukvmm_limits with_deadline = l;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);
	struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), &l);

	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	ukvmm_vm_destroy(vm);
	/* the guest gets somewhere, although there is a limit: a spin is not interrupted all the time */
	vm = sealed_vm(f, guest_exit42, NULL);
	with_deadline.slice_ns = 0;
	with_deadline.deadline = ukvmm_now() + 20000000000u;
	stop = run_vcpu(vcpu_of(vm, 0), &with_deadline);
	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	ukvmm_vm_destroy(vm);
}

static void cpu_time_adds_up_over_runs(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	const struct ukvmm_limits short_run = { .size = sizeof short_run, .slice_ns = 3000000 };
	struct ukvmm_limits l = short_run;
	struct ukvmm_vcpu_stats s = { .size = sizeof s };
	struct ukvmm_stop stop;

	/* what the first run used is part of it */
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), &short_run).reason, UKVMM_STOP_SLICE);
	ukvmm_vcpu_stats(vcpu_of(vm, 0), &s);
	assert_true(s.run_cpu_ns > 0);
	l.cpu_ns = s.run_cpu_ns;
	stop = run_vcpu(vcpu_of(vm, 0), &l);
	assert_int_equal(stop.reason, UKVMM_STOP_DEADLINE);
	assert_int_equal(stop.flags, UKVMM_STOP_CPU_USED);
	l.cpu_ns += 30000000;
	do
		stop = run_vcpu(vcpu_of(vm, 0), &l);
	while (stop.reason == UKVMM_STOP_SLICE);
	assert_int_equal(stop.reason, UKVMM_STOP_DEADLINE);
	assert_int_equal(stop.flags, UKVMM_STOP_CPU_USED);
	ukvmm_vcpu_stats(vcpu_of(vm, 0), &s);
	assert_true(s.run_cpu_ns >= l.cpu_ns);
	ukvmm_vm_destroy(vm);
}

/* A halted guest uses no CPU: it halts for longer than it may run, and only the deadline ends that. */
static void a_halt_uses_no_cpu_time(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_halt, NULL);
	struct ukvmm_limits l = { .size = sizeof l, .cpu_ns = 300000000 };
	struct ukvmm_vcpu_stats s = { .size = sizeof s };

	do {
		struct ukvmm_stop stop;

		l.deadline = ukvmm_now() + 60000000;
		stop = run_vcpu(vcpu_of(vm, 0), &l);
		assert_int_equal(stop.reason, UKVMM_STOP_DEADLINE);
		assert_int_equal(stop.flags, 0);
		ukvmm_vcpu_stats(vcpu_of(vm, 0), &s);
	} while (s.halt_ns <= l.cpu_ns);
	assert_true(s.run_cpu_ns < l.cpu_ns);
	ukvmm_vm_destroy(vm);
}

/* Read from another thread while the run is under way: it grows. */
static void accounting_is_live(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	struct ukvmm_vcpu_stats s = { .size = sizeof s };
	struct runner r;

	runner_start(&r, vcpu_of(vm, 0));
	do
		ukvmm_vcpu_stats(vcpu_of(vm, 0), &s);
	while (s.run_cpu_ns < 3000000);
	ukvmm_kick(k);
	runner_join(&r);
	ukvmm_kicker_unref(k);
	ukvmm_vm_destroy(vm);
}

static void a_halt_without_interrupts_is_noticed(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_limits l = { .size = sizeof l, .slice_ns = 2000000 };
	const struct ukvmm_x86_config none = { .size = sizeof none, .irqchip = UKVMM_X86_IRQCHIP_NONE };
	const struct ukvmm_x86_config full = { .size = sizeof full, .irqchip = UKVMM_X86_IRQCHIP_FULL };
	struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20 };

	for (int i = 0; i < 3; i++) {
		const struct ukvmm_x86_config *kinds[] = { NULL, &none, &full };
		struct ukvmm_stop stop;
		struct ukvmm_vm *vm;

		c.x86 = kinds[i];
		vm = sealed_vm(f, guest_dead, &c);
		do
			stop = run_vcpu(vcpu_of(vm, 0), &l);
		while (stop.reason == UKVMM_STOP_SLICE);
		assert_int_equal(stop.reason, UKVMM_STOP_DEAD_HALT);
		wait_event(f, UKVMM_EV_STOPPED);
		ukvmm_vm_destroy(vm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_slice_ends_a_spin_and_a_halt),
		fixture_test(a_deadline_ends_a_run),
		fixture_test(the_largest_limits_are_none),
		fixture_test(cpu_time_adds_up_over_runs),
		fixture_test(a_halt_uses_no_cpu_time),
		fixture_test(accounting_is_live),
		fixture_test(a_halt_without_interrupts_is_noticed),
	};

	return FIXTURE_RUN(tests);
}
