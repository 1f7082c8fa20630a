/* SPDX-License-Identifier: Apache-2.0 */
/* Kicks across threads and processes: none reaches a thread that has left, or anybody from a forked child. */
#include "lineage.h"
#include "../kvm/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "kicker.h"

static volatile sig_atomic_t hits; /* signals that reached a thread with the signal unblocked */

static void on_signal(int signal)
{
	(void)signal;
	hits = hits + 1;
}

static int kick_signal(void)
{
	return SIGRTMAX - 1;
}

static bool is_blocked(void)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, kick_signal());
}

static struct ukvmm_kicker *fresh(void)
{
	struct lineage *process;
	struct ukvmm_kicker *k;

	if (lineage_new(&process, NULL) < 0)
		return NULL;
	k = kicker_new(kick_signal(), process);
	lineage_unref(process);
	return k;
}

static int setup(void **state)
{
	struct sigaction sa = { .sa_handler = on_signal };

	hits = 0;
	sigaction(kick_signal(), &sa, NULL);
	*state = fresh();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	ukvmm_kicker_unref(*state);
	return hits; /* none may ever come through */
}

static void the_callers_mask_comes_back(void **state)
{
	struct ukvmm_kicker *k = *state;
	sigset_t mine, saved;

	sigemptyset(&mine);
	sigaddset(&mine, kick_signal());
	pthread_sigmask(SIG_BLOCK, &mine, NULL);
	kicker_enter(k, gettid(), &saved);
	kicker_leave(k, &saved);
	assert_true(is_blocked());
	pthread_sigmask(SIG_UNBLOCK, &mine, NULL);
}

static void a_forked_child_kicks_nobody(void **state)
{
	struct ukvmm_kicker *k = *state;
	sigset_t mask;
	int status;
	pid_t child;

	kicker_enter(k, gettid(), &mask);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		ukvmm_kick(k);
		ukvmm_kicker_unref(k);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_false(kicker_take_signals(k));
	kicker_leave(k, &mask);
}

enum { ROUNDS = 20000, KICKERS = 3 };

static atomic_bool done;

static void *kick_all_the_time(void *arg)
{
	while (!atomic_load(&done))
		ukvmm_kick(arg);
	return NULL;
}

/* A storm while a thread goes in and out: outside it has the signal unblocked, and a late one would be a hit. */
static void a_storm_never_hits_outside(void **state)
{
	struct ukvmm_kicker *k = *state;
	pthread_t kicker[KICKERS];
	uint32_t seen = 0;
	sigset_t mask, block;

	sigemptyset(&block);
	sigaddset(&block, kick_signal());
	atomic_store(&done, false);
	for (int i = 0; i < KICKERS; i++)
		assert_int_equal(pthread_create(&kicker[i], NULL, kick_all_the_time, k), 0);
	for (int i = 0; i < ROUNDS || !seen; i++) { /* the kickers may start late */
		kicker_enter(k, gettid(), &mask);
		seen += kicker_take_kick(k);
		kicker_leave(k, &mask);
	}
	atomic_store(&done, true);
	for (int i = 0; i < KICKERS; i++)
		pthread_join(kicker[i], NULL);
	assert_int_equal(hits, 0);
}

static void a_handle_outlives_its_vcpu(void **state)
{
	struct ukvmm_kicker *k = fresh();

	(void)state;
	assert_non_null(k);
	atomic_fetch_add(&k->refs, 1);
	ukvmm_kicker_unref(k);
	ukvmm_kick(k); /* freed memory under ASan otherwise */
	ukvmm_kicker_unref(k);
	ukvmm_kicker_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_callers_mask_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_forked_child_kicks_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_storm_never_hits_outside, setup, teardown),
		cmocka_unit_test(a_handle_outlives_its_vcpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
