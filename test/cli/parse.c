/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and durations: every unit, every edge, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parse.h"

#define UNTOUCHED 0x5a5a5a5au

struct sample {
	const char *text;
	int rc;
	uint64_t value;
};

static void check(int (*parse)(const char *, uint64_t *), const struct sample *s)
{
	for (; s->text; s++) {
		uint64_t v = UNTOUCHED;

		print_message("\"%s\"\n", s->text);
		assert_int_equal(parse(s->text, &v), s->rc);
		assert_int_equal(v, s->rc ? UNTOUCHED : s->value);
	}
}

static void sizes(void **state)
{
	static const struct sample samples[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "1K", 0, 1024 },
		{ "3m", 0, 3u << 20 },
		{ "2GiB", 0, 2ull << 30 },
		{ "16777215T", 0, 16777215ull << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551615K", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1 K", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ NULL, 0, 0 },
	};

	(void)state;
	check(parse_size, samples);
}

static void durations(void **state)
{
	static const struct sample samples[] = {
		{ "0", 0, 0 },
		{ "30", 0, 30000000000u },
		{ "1.5", 0, 1500000000u },
		{ "250ms", 0, 250000000u },
		{ "0.25us", 0, 250 },
		{ "7ns", 0, 7 },
		{ "0.9ns", 0, 0 },
		{ "0.000000001s", 0, 1 },
		{ "0.999999999m", 0, 59999999940u },
		{ "2m", 0, 120000000000u },
		{ "1h", 0, 3600000000000u },
		{ "1.5d", 0, 129600000000000u },
		{ "213503d", 0, 18446659200000000000u },
		{ "213504d", -ERANGE, 0 },
		{ "18446744073s", 0, 18446744073000000000u },
		{ "18446744073.9s", -ERANGE, 0 },
		{ "18446744073709551616ns", -ERANGE, 0 },
		{ "1.0000000001s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ ".5s", -EINVAL, 0 },
		{ "1.s", -EINVAL, 0 },
		{ "1..5s", -EINVAL, 0 },
		{ "1min", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ NULL, 0, 0 },
	};

	(void)state;
	check(parse_duration, samples);
}

static void numbers(void **state)
{
	uint32_t v = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_u32("0", 1, 9, &v), -ERANGE);
	assert_int_equal(parse_u32("10", 1, 9, &v), -ERANGE);
	assert_int_equal(parse_u32("4294967296", 0, UINT32_MAX, &v), -ERANGE);
	assert_int_equal(parse_u32("9x", 1, 9, &v), -EINVAL);
	assert_int_equal(parse_u32("", 1, 9, &v), -EINVAL);
	assert_int_equal(v, UNTOUCHED);
	assert_int_equal(parse_u32("4294967295", 0, UINT32_MAX, &v), 0);
	assert_int_equal(v, UINT32_MAX);
	assert_int_equal(parse_u32("1", 1, 9, &v), 0);
	assert_int_equal(v, 1);
}

static void choices(void **state)
{
	static const char *const names[] = { "auto", "on", "off", NULL };

	(void)state;
	assert_int_equal(parse_choice("auto", names), 0);
	assert_int_equal(parse_choice("off", names), 2);
	assert_int_equal(parse_choice("of", names), -EINVAL);
	assert_int_equal(parse_choice("", names), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(numbers),
		cmocka_unit_test(choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
