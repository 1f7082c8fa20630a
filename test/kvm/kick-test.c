/* SPDX-License-Identifier: Apache-2.0 */
/* Kicks are sticky, work from signal handlers, and never hit a thread that has left. */
#include "fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static void an_early_kick_ends_the_next_run(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	struct ukvmm_vcpu_stats s = { .size = sizeof s };

	ukvmm_kick(k);
	ukvmm_kick(k);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_KICKED);
	ukvmm_kick(k);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_KICKED);
	ukvmm_vcpu_stats(vcpu_of(vm, 0), &s);
	assert_int_equal(s.kicks, 3);
	assert_int_equal(s.runs, 2);
	ukvmm_kicker_unref(k);
	ukvmm_vm_destroy(vm);
}

static void a_running_guest_is_kicked(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	struct runner r;

	for (int i = 0; i < 50; i++) {
		runner_start(&r, vcpu_of(vm, 0));
		ukvmm_kick(k);
		runner_join(&r);
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.stop.reason, UKVMM_STOP_KICKED);
	}
	ukvmm_kicker_unref(k);
	ukvmm_vm_destroy(vm);
}

static void a_halted_guest_is_kicked(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_halt, NULL);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	struct runner r;

	runner_start(&r, vcpu_of(vm, 0));
	ukvmm_kick(k);
	runner_join(&r);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.stop.reason, UKVMM_STOP_KICKED);
	ukvmm_kicker_unref(k);
	ukvmm_vm_destroy(vm);
}

static void a_kick_after_the_end_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));

	ukvmm_vm_destroy(vm);
	ukvmm_kick(k);
	ukvmm_kicker_unref(k);
}

static struct ukvmm_kicker *handler_kicker;
static void on_alarm(int sig)
{
	(void)sig;
	ukvmm_kick(handler_kicker);
}

/* A signal other than the kick waits while the guest runs in this thread; another thread's handler kicks. */
static void a_signal_handler_may_kick(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct sigaction old, act = { .sa_handler = on_alarm };
	struct runner r;

	handler_kicker = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	assert_int_equal(sigaction(SIGUSR1, &act, &old), 0);
	runner_start(&r, vcpu_of(vm, 0));
	raise(SIGUSR1);
	runner_join(&r);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.stop.reason, UKVMM_STOP_KICKED);
	sigaction(SIGUSR1, &old, NULL);
	ukvmm_kicker_unref(handler_kicker);
	ukvmm_vm_destroy(vm);
}

static atomic_bool storm_over;
static void *storm(void *k)
{
	while (!atomic_load(&storm_over))
		ukvmm_kick(k);
	return NULL;
}

/* The kick signal's default action ends the process: a kick that reached a thread outside of a run would. */
static void a_storm_of_kicks_hits_only_runs(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_spin, NULL);
	struct ukvmm_kicker *k = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	sigset_t before, after;
	pthread_t t[2];

	atomic_store(&storm_over, false);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, storm, k), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_KICKED);
	atomic_store(&storm_over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	assert_int_equal(sigismember(&before, SIGRTMAX - 1), sigismember(&after, SIGRTMAX - 1));
	assert_int_equal(sigismember(&after, SIGRTMAX - 1), 0);
	ukvmm_kicker_unref(k);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(an_early_kick_ends_the_next_run),
		fixture_test(a_running_guest_is_kicked),
		fixture_test(a_halted_guest_is_kicked),
		fixture_test(a_kick_after_the_end_does_nothing),
		fixture_test(a_signal_handler_may_kick),
		fixture_test(a_storm_of_kicks_hits_only_runs),
	};

	return FIXTURE_RUN(tests);
}
