/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets, on a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ukvmm/devices.h>

#include "bucket.h"

#define S 1000000000ull

static void no_limit_lets_all_pass(void **unused)
{
	struct bucket b;

	(void)unused;
	bucket_init(&b, 0, 0, 5);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bucket_take(&b, UINT64_MAX, 5), 0);
}

static void the_burst_passes_then_the_rate_holds(void **unused)
{
	struct bucket b;
	uint64_t now = 7 * S, at, passed = 0;

	(void)unused;
	bucket_init(&b, 1000, 50, now);
	for (int i = 0; i < 50; i++)
		assert_int_equal(bucket_take(&b, 1, now), 0);
	at = bucket_take(&b, 1, now);
	assert_int_equal(at, now + S / 1000);
	/* whoever comes when told finds one, for ever, and no more than the rate allows */
	for (int i = 0; i < 5000; i++) {
		now = at;
		assert_int_equal(bucket_take(&b, 1, now), 0);
		passed++;
		at = bucket_take(&b, 1, now);
		assert_true(at > now);
	}
	assert_int_equal(passed, (now - 7 * S) * 1000 / S);
}

static void the_default_burst_is_a_tenth_of_a_second(void **unused)
{
	struct bucket b;

	(void)unused;
	bucket_init(&b, 1000, 0, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(bucket_take(&b, 1, 0), 0);
	assert_true(bucket_take(&b, 1, 0) > 0);
	bucket_init(&b, 3, 0, 0);
	assert_int_equal(bucket_take(&b, 1, 0), 0);
	assert_true(bucket_take(&b, 1, 0) > 0);
}

static void one_larger_than_the_burst_passes_and_is_paid_for(void **unused)
{
	struct bucket b;
	uint64_t at;

	(void)unused;
	bucket_init(&b, 1000, 10, 0);
	assert_int_equal(bucket_take(&b, 5010, 0), 0);
	at = bucket_take(&b, 1, 0);
	assert_int_equal(at, 5 * S + S / 1000);
	assert_true(bucket_take(&b, 1, at - 1) > at - 1);
	assert_int_equal(bucket_take(&b, 1, at), 0);
}

static void silence_saves_up_to_the_burst(void **unused)
{
	struct bucket b;

	(void)unused;
	bucket_init(&b, 1000, 10, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(bucket_take(&b, 1, 0), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(bucket_take(&b, 1, 3600 * S), 0);
	assert_true(bucket_take(&b, 1, 3600 * S) > 0);
}

/* Asking often must neither lose nor make fractions of tokens. */
static void fractions_are_kept(void **unused)
{
	struct bucket b;
	uint64_t passed = 0;

	(void)unused;
	bucket_init(&b, 300000, 100, 0);
	for (uint64_t now = 0; now < S; now += 1000)
		passed += bucket_take(&b, 1, now) == 0;
	assert_in_range(passed, 300000, 300100);
}

static void extremes_do_not_overflow(void **unused)
{
	struct bucket b;
	uint64_t at;

	(void)unused;
	bucket_init(&b, UINT64_MAX, UINT64_MAX, 0);
	assert_int_equal(bucket_take(&b, UINT64_MAX, 10 * S), 0);
	assert_int_equal(bucket_take(&b, UINT64_MAX, 10 * S + 1), 0);
	assert_in_range(bucket_take(&b, 1, 10 * S + 1), 10 * S + 2, 12 * S);
	bucket_init(&b, 1, 1, 0);
	assert_int_equal(bucket_take(&b, UINT64_MAX, 0), 0);
	at = bucket_take(&b, 1, 0);
	assert_true(at > 100ull * 365 * 86400 * S);
	/* a clock that goes back gives nothing */
	bucket_init(&b, 1000, 1, 10 * S);
	assert_int_equal(bucket_take(&b, 1, 10 * S), 0);
	assert_int_equal(bucket_take(&b, 1, 5 * S), 10 * S + S / 1000);
}

static void a_rate_takes_from_both_or_neither(void **unused)
{
	struct ukvmm_rate limits = { .size = sizeof limits, .bytes_per_s = 1000, .bytes_burst = 100, .ops_per_s = 10,
		.ops_burst = 2 };
	struct rate r;

	(void)unused;
	rate_init(&r, &limits, 0);
	assert_int_equal(rate_take(&r, 1000, 0), 0);
	/* no bytes: the operation is not counted either */
	for (int i = 0; i < 5; i++)
		assert_int_equal(rate_take(&r, 1, 0), S * 901 / 1000);
	assert_int_equal(r.ops.tokens, 1);
	assert_int_equal(rate_take(&r, 1, 10 * S), 0);
	assert_int_equal(rate_take(&r, 1, 10 * S), 0);
	assert_int_equal(rate_take(&r, 1, 10 * S), 10 * S + S / 10);
	assert_int_equal(r.bytes.tokens, 98);
	rate_init(&r, NULL, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rate_take(&r, 1 << 30, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit_lets_all_pass),
		cmocka_unit_test(the_burst_passes_then_the_rate_holds),
		cmocka_unit_test(the_default_burst_is_a_tenth_of_a_second),
		cmocka_unit_test(one_larger_than_the_burst_passes_and_is_paid_for),
		cmocka_unit_test(silence_saves_up_to_the_burst),
		cmocka_unit_test(fractions_are_kept),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(a_rate_takes_from_both_or_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
