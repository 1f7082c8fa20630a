/* SPDX-License-Identifier: Apache-2.0 */
/* The idle doorbell: IDLE, then exactly one RUNNABLE, and no wake-up is lost. */
#include "fixture.h"

#include <stdlib.h>

static struct ukvmm_vm *idle_vm(struct fixture *f, const struct tiny_code *code, uint32_t flags, struct ukvmm_irq **irq)
{
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .flags = flags };
	struct ukvmm_vm *vm = make_vm(f, code, &c);

	assert_int_equal(ukvmm_vm_irq(vm, "work", irq, NULL), 0);
	assert_int_equal(ukvmm_irq_number(*irq), GUEST_GSI);
	assert_int_equal(ukvmm_irq_pulse(*irq), -EBADFD);
	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	return vm;
}

static void an_idle_guest_parks_and_is_woken(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_irq *irq;
	struct ukvmm_vm *vm = idle_vm(f, guest_idle, UKVMM_VM_PARK_IDLE, &irq);
	struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), NULL);

	assert_int_equal(stop.reason, UKVMM_STOP_IDLE);
	assert_int_equal(stop.value, 0); /* no timer */
	assert_int_equal(wait_event(f, UKVMM_EV_NOTIFY), 0);
	assert_int_equal(drain_events(f, UKVMM_EV_RUNNABLE), 0);
	for (uint64_t n = 1; n <= 100; n++) {
		assert_int_equal(ukvmm_irq_pulse(irq), 0);
		assert_int_equal(wait_event(f, UKVMM_EV_RUNNABLE), 0);
		assert_int_equal(drain_events(f, UKVMM_EV_RUNNABLE), 0);
		assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
		assert_int_equal(wait_event(f, UKVMM_EV_NOTIFY), n);
	}
	ukvmm_vm_destroy(vm);
}

/* Several interrupts before the guest runs again are one RUNNABLE. */
static void runnable_comes_once(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_irq *irq;
	struct ukvmm_vm *vm = idle_vm(f, guest_idle, UKVMM_VM_PARK_IDLE, &irq);

	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
	for (int i = 0; i < 5; i++)
		ukvmm_irq_pulse(irq);
	assert_int_equal(drain_events(f, UKVMM_EV_RUNNABLE), 1);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
	assert_int_equal(drain_events(f, UKVMM_EV_RUNNABLE), 0);
	/* run again without RUNNABLE: idle still, and a wake-up afterwards is not lost */
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
	ukvmm_irq_pulse(irq);
	assert_int_equal(drain_events(f, UKVMM_EV_RUNNABLE), 1);
	ukvmm_vm_destroy(vm);
}

struct pulses {
	struct ukvmm_irq *irq;
	int n;
};

static void *pulse_all(void *arg)
{
	struct pulses *p = arg;

	for (int i = 0; i < p->n; i++)
		ukvmm_irq_pulse(p->irq);
	return NULL;
}

/* Interrupts race with parking; the last one must always be seen: the guest's count goes on until the guest has been
 * idle with nothing left to tell. */
static void no_wakeup_is_lost(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_irq *irq;
	struct ukvmm_vm *vm = idle_vm(f, guest_idle, UKVMM_VM_PARK_IDLE, &irq);

	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
	for (int round = 0; round < 300; round++) {
		struct pulses p = { irq, 1 + round % 7 };
		pthread_t t;
		int runs = 0;

		assert_int_equal(pthread_create(&t, NULL, pulse_all, &p), 0);
		wait_event(f, UKVMM_EV_RUNNABLE);
		do {
			assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
			runs++;
		} while (drain_events(f, UKVMM_EV_RUNNABLE));
		pthread_join(t, NULL);
		/* one that came after the last look */
		while (drain_events(f, UKVMM_EV_RUNNABLE))
			assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
		assert_true(runs <= p.n + 1);
	}
	ukvmm_vm_destroy(vm);
}

static void a_timer_of_the_guest_wakes_it(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_irq *irq;
	struct ukvmm_vm *vm = idle_vm(f, guest_timer, UKVMM_VM_PARK_IDLE, &irq);
	struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), NULL);

	assert_int_equal(stop.reason, UKVMM_STOP_IDLE);
	assert_true(stop.value > ukvmm_now() - 1000000000 && stop.value < ukvmm_now() + 1000000000);
	wait_event(f, UKVMM_EV_RUNNABLE);
	assert_true(ukvmm_now() >= stop.value);
	stop = run_vcpu(vcpu_of(vm, 0), NULL);
	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(stop.value, 9);
	ukvmm_vm_destroy(vm);
}

/* Without the flag the doorbell is a plain write and the halt is KVM's. */
static void without_the_flag_it_halts_in_kvm(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_irq *irq;
	struct ukvmm_vm *vm = idle_vm(f, guest_timer, 0, &irq);
	struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), NULL);

	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(stop.value, 9);
	ukvmm_vm_destroy(vm);
}

static void a_parked_vcpu_can_be_kicked_and_stopped(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_irq *irq;
	struct ukvmm_vm *vm = idle_vm(f, guest_idle, UKVMM_VM_PARK_IDLE, &irq);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));

	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
	ukvmm_kick(k);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_KICKED);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_IDLE);
	assert_int_equal(ukvmm_vm_stop(vm), 0);
	assert_int_equal(wait_event(f, UKVMM_EV_RUNNABLE), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_STOPPED);
	wait_event(f, UKVMM_EV_STOPPED);
	ukvmm_kicker_unref(k);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(an_idle_guest_parks_and_is_woken),
		fixture_test(runnable_comes_once),
		fixture_test(no_wakeup_is_lost),
		fixture_test(a_timer_of_the_guest_wakes_it),
		fixture_test(without_the_flag_it_halts_in_kvm),
		fixture_test(a_parked_vcpu_can_be_kicked_and_stopped),
	};

	return FIXTURE_RUN(tests);
}
