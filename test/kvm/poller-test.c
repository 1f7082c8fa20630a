/* SPDX-License-Identifier: Apache-2.0 */
/* One fd for many VMs: it never blocks, is fair, and stays readable while something is left. */
#include "fixture.h"

#include <poll.h>
#include <stdlib.h>

enum { VMS = 8 };

static int readable(struct fixture *f)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(f->poller), .events = POLLIN };

	return poll(&p, 1, 0);
}

static struct ukvmm_vm *cookie_vm(struct fixture *f, const struct tiny_code *code, uint64_t cookie)
{
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .cookie = cookie };

	return sealed_vm(f, code, &c);
}

static void nothing_to_do_is_nothing(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_event ev[4];

	assert_int_equal(readable(f), 0);
	assert_int_equal(ukvmm_poller_run(f->poller, ev, 4, 0), 0);
}

/* One VM has rung often; each of the others' single event comes before its second one. */
static void a_loud_vm_does_not_starve_others(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm[VMS];
	int seen[VMS] = { 0 };
	struct ukvmm_event ev;

	for (uint64_t i = 0; i < VMS; i++) {
		vm[i] = cookie_vm(f, i ? guest_hello : guest_bells, i);
		assert_int_equal(run_vcpu(vcpu_of(vm[i], 0), NULL).reason, UKVMM_STOP_POWEROFF);
	}
	for (int n = 0; n < VMS; n++) {
		assert_int_equal(readable(f), 1);
		assert_int_equal(ukvmm_poller_run(f->poller, &ev, 1, 0), 1);
		assert_true(ev.vm == vm[ev.cookie]);
		assert_int_equal(seen[ev.cookie]++, 0);
	}
	for (int i = 0; i < VMS; i++)
		assert_int_equal(seen[i], 1);
	while (readable(f))
		ukvmm_poller_run(f->poller, &ev, 1, 0);
	for (int i = 0; i < VMS; i++)
		ukvmm_vm_destroy(vm[i]);
	assert_int_equal(readable(f), 0);
}

static void many_events_come_in_one_call(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm[VMS];
	struct ukvmm_event ev[4 * VMS];
	int console = 0, stopped = 0, n = 0, got;

	for (uint64_t i = 0; i < VMS; i++) {
		vm[i] = cookie_vm(f, guest_hello, i);
		run_vcpu(vcpu_of(vm[i], 0), NULL);
	}
	while (readable(f) && (got = ukvmm_poller_run(f->poller, ev + n, (uint32_t)(4 * VMS - n), 1000000)) >= 0)
		n += got;
	for (int i = 0; i < n; i++) {
		console += ev[i].type == UKVMM_EV_CONSOLE;
		stopped += ev[i].type == UKVMM_EV_STOPPED;
		/* STOPPED is the last one of its VM */
		for (int j = i + 1; ev[i].type == UKVMM_EV_STOPPED && j < n; j++)
			assert_true(ev[j].vm != ev[i].vm);
	}
	assert_int_equal(console, VMS);
	assert_int_equal(stopped, VMS);
	for (int i = 0; i < VMS; i++)
		ukvmm_vm_destroy(vm[i]);
}

static void events_of_a_destroyed_vm_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_hello, NULL);
	struct ukvmm_event ev[4];

	run_vcpu(vcpu_of(vm, 0), NULL);
	assert_int_equal(readable(f), 1);
	ukvmm_vm_destroy(vm);
	assert_int_equal(ukvmm_poller_run(f->poller, ev, 4, 0), 0);
	assert_int_equal(readable(f), 0);
}

/* A guest that rings faster than anybody listens: bounded, the oldest values stay. */
static void notifications_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_bells, NULL);
	struct ukvmm_event ev[64];
	int n = 0, got;

	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_POWEROFF);
	while (readable(f) && (got = ukvmm_poller_run(f->poller, ev + n, (uint32_t)(64 - n), 0)) >= 0)
		n += got;
	assert_int_equal(n, 17);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(ev[i].type, UKVMM_EV_NOTIFY);
		assert_int_equal(ev[i].value, i + 1);
	}
	assert_int_equal(ev[16].type, UKVMM_EV_STOPPED);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(nothing_to_do_is_nothing),
		fixture_test(a_loud_vm_does_not_starve_others),
		fixture_test(many_events_come_in_one_call),
		fixture_test(events_of_a_destroyed_vm_are_dropped),
		fixture_test(notifications_are_bounded),
	};

	return FIXTURE_RUN(tests);
}
