/* SPDX-License-Identifier: Apache-2.0 */
/* Kicks as signals: sticky, one pending at most, none left over. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "lineage.h"
#include "kicker.h"

/* How many kick signals are pending; takes them. */
static int pending(void)
{
	const struct timespec now = { 0 };
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX - 1);
	while (sigtimedwait(&set, NULL, &now) > 0)
		n++;
	assert_int_equal(errno, EAGAIN);
	return n;
}

static struct ukvmm_kicker *fresh(void)
{
	struct lineage *process;
	struct ukvmm_kicker *k;

	if (lineage_new(&process, NULL) < 0)
		return NULL;
	k = kicker_new(SIGRTMAX - 1, process);
	lineage_unref(process);
	return k;
}

static int setup(void **state)
{
	*state = fresh();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	ukvmm_kicker_unref(*state);
	return 0;
}

static void a_storm_is_one_signal(void **state)
{
	struct ukvmm_kicker *k = *state;
	sigset_t saved;

	kicker_enter(k, gettid(), &saved);
	for (int i = 0; i < 1000; i++)
		ukvmm_kick(k);
	assert_int_equal(pending(), 1);
	kicker_leave(k, &saved);
}

static void each_interruption_makes_room_for_the_next(void **state)
{
	struct ukvmm_kicker *k = *state;
	sigset_t saved;

	kicker_enter(k, gettid(), &saved);
	for (int i = 0; i < 3; i++) {
		kicker_poke(k);
		kicker_poke(k);
		assert_true(kicker_take_signals(k));
		assert_false(kicker_take_signals(k));
	}
	kicker_leave(k, &saved);
}

/* A run that ended with its signal pending leaves none, and the next one can be interrupted. */
static void a_new_run_starts_anew(void **state)
{
	struct ukvmm_kicker *k = *state;
	sigset_t saved;

	for (int i = 0; i < 3; i++) {
		kicker_enter(k, gettid(), &saved);
		kicker_poke(k);
		kicker_leave(k, &saved);
		assert_int_equal(pending(), 0);
	}
	kicker_enter(k, gettid(), &saved);
	kicker_poke(k);
	assert_int_equal(pending(), 1);
	kicker_leave(k, &saved);
}

static void a_kick_outside_of_a_run_is_kept_without_a_signal(void **state)
{
	struct ukvmm_kicker *k = *state;
	sigset_t saved;

	ukvmm_kick(k);
	kicker_enter(k, gettid(), &saved);
	assert_int_equal(pending(), 0);
	assert_true(kicker_take_kick(k));
	assert_false(kicker_take_kick(k));
	kicker_leave(k, &saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_storm_is_one_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(each_interruption_makes_room_for_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_run_starts_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kick_outside_of_a_run_is_kept_without_a_signal, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
