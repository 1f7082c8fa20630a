/* SPDX-License-Identifier: Apache-2.0 */
/* Suboptions as people type them: how words are cut, what of them is taken and what refused, and the addresses,
 * rates and ports among them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "forward.h"
#include "parse.h"
#include "report.h"
#include "subopt.h"

#define UNTOUCHED 0x5a5a5a5au

const char report_program[] = "cli-subopt";

/* What was taken, in order: "key", "key=value", with ";" behind each. */
struct taken {
	char text[256];
};

static const char *note(struct taken *t, const char *key, const char *value)
{
	strcat(t->text, key);
	if (value) {
		strcat(t->text, "=");
		strcat(t->text, value);
	}
	strcat(t->text, ";");
	return NULL;
}

static const char *take_bare(void *to, const char *value)
{
	return note(to, "bare", value);
}

static const char *take_value(void *to, const char *value)
{
	return strcmp(value, "bad") == 0 ? "another is wanted" : note(to, "value", value);
}

static const char *take_maybe(void *to, const char *value)
{
	return note(to, "maybe", value);
}

static const char *take_many(void *to, const char *value)
{
	return note(to, "many", value);
}

static const struct subopt table[] = {
	{ "bare", SUBOPT_BARE, 0, take_bare },
	{ "value", SUBOPT_VALUE, 0, take_value },
	{ "maybe", SUBOPT_MAYBE, 0, take_maybe },
	{ "many", SUBOPT_VALUE, SUBOPT_REPEATS, take_many },
	{ NULL, 0, 0, NULL },
};

static void words(void **state)
{
	static const struct {
		const char *text, *taken;
		int rc;
	} samples[] = {
		{ "bare", "bare;", 0 },
		{ "value=x,bare", "value=x;bare;", 0 },
		{ "value=", "value=;", 0 },
		{ "value=a=b", "value=a=b;", 0 },
		{ "value=a,,b", "value=a,b;", 0 },
		{ "value=,,,,", "value=,,;", 0 },
		{ "value=a,,,bare", "value=a,;bare;", 0 },
		{ "maybe,many=1,many=2", "maybe;many=1;many=2;", 0 },
		{ "maybe=x", "maybe=x;", 0 },
		{ "bare=1", "", -EINVAL },
		{ "value", "", -EINVAL },
		{ "value=bad", "", -EINVAL },
		{ "bare,bare", "bare;", -EINVAL },
		{ "maybe,maybe=x", "maybe;", -EINVAL },
		{ "nothing", "", -EINVAL },
		{ "bar", "", -EINVAL },
		{ "bares", "", -EINVAL },
		{ " bare", "", -EINVAL },
		{ "=x", "", -EINVAL },
		{ "", "", -EINVAL },
		{ "bare,", "bare;", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		struct taken t = { "" };
		char *text = strdup(samples[i].text);

		print_message("\"%s\"\n", samples[i].text);
		assert_int_equal(subopt_parse("run", "--x", text, table, &t), samples[i].rc);
		assert_string_equal(t.text, samples[i].taken);
		free(text);
	}
	assert_int_equal(subopt_parse("run", "--x", NULL, table, NULL), 0);
}

static void first_word(void **state)
{
	char plain[] = "a,,b=c,bare", alone[] = "a", comma[] = ",", none[] = "", *rest = plain;

	(void)state;
	/* a path may hold "=" and commas */
	assert_string_equal(subopt_first("run", "--x", &rest, "a file"), "a,b=c");
	assert_string_equal(rest, "bare");
	rest = alone;
	assert_string_equal(subopt_first("run", "--x", &rest, "a file"), "a");
	assert_null(rest);
	rest = comma;
	assert_null(subopt_first("run", "--x", &rest, "a file"));
	rest = none;
	assert_null(subopt_first("run", "--x", &rest, "a file"));
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t per_s, burst;
	} samples[] = {
		{ "10M/s", 0, 10u << 20, 0 },
		{ "10M", 0, 10u << 20, 0 },
		{ "1000/s", 0, 1000, 0 },
		{ "1/s:1", 0, 1, 1 },
		{ "2GiB/s:64K", 0, 2ull << 30, 64u << 10 },
		{ "5:6", 0, 5, 6 },
		{ "18446744073709551615", 0, UINT64_MAX, 0 },
		{ "0", -ERANGE, 0, 0 },
		{ "0/s", -ERANGE, 0, 0 },
		{ "1:0", -ERANGE, 0, 0 },
		{ "18446744073709551616/s", -ERANGE, 0, 0 },
		{ "", -EINVAL, 0, 0 },
		{ "/s", -EINVAL, 0, 0 },
		{ ":5", -EINVAL, 0, 0 },
		{ "5:", -EINVAL, 0, 0 },
		{ "5/s:5/s", -EINVAL, 0, 0 },
		{ "5/m", -EINVAL, 0, 0 },
		{ "5/s/s", -EINVAL, 0, 0 },
		{ "-5/s", -EINVAL, 0, 0 },
		{ "5M s", -EINVAL, 0, 0 },
		{ "fast", -EINVAL, 0, 0 },
		{ "000000000000000000000000000000000000000001", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		uint64_t per_s = UNTOUCHED, burst = UNTOUCHED;
		bool good = samples[i].rc == 0;

		print_message("\"%s\"\n", samples[i].text);
		assert_int_equal(parse_rate(samples[i].text, &per_s, &burst), samples[i].rc);
		assert_int_equal(per_s, good ? samples[i].per_s : UNTOUCHED);
		assert_int_equal(burst, good ? samples[i].burst : UNTOUCHED);
	}
}

static void macs(void **state)
{
	static const char *const bad[] = { "", "02", "02:00:00:00:00", "02:00:00:00:00:01:02", "02-00-00-00-00-01",
		"2:0:0:0:0:1", "02:00:00:00:00:0g", "02:00:00:00:00:0", "02:00:00:00:00:\x11" "1", " 02:00:00:00:00:01" };
	uint8_t mac[6] = { 9, 9, 9, 9, 9, 9 };
	static const uint8_t kept[6] = { 9, 9, 9, 9, 9, 9 }, good[6] = { 0x02, 0xab, 0xCD, 0, 0xff, 0x10 };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse_mac(bad[i], mac), -EINVAL);
	assert_int_equal(parse_mac("00:00:00:00:00:00", mac), -ERANGE);
	assert_int_equal(parse_mac("01:00:5e:00:00:01", mac), -ERANGE);
	assert_int_equal(parse_mac("ff:ff:ff:ff:ff:ff", mac), -ERANGE);
	assert_memory_equal(mac, kept, sizeof mac);
	assert_int_equal(parse_mac("02:ab:CD:00:fF:10", mac), 0);
	assert_memory_equal(mac, good, sizeof mac);
}

static void forwards(void **state)
{
	static const char *const good[][2] = {
		{ "8080:80", "8080:80" },
		{ "22", "22:22" },
		{ "1:65535", "1:65535" },
		{ "127.0.0.1:8080:80", "127.0.0.1/8080:80" },
		{ "127.0.0.1:22", "127.0.0.1/22:22" },
		{ "[::1]:8080:80", "::1/8080:80" },
	};
	static const char *const bad[] = { "", ":", "0", "65536", "80:", ":80", "80:0", "80:65536", "80:80:80", "a:80",
		"80-90", "80/tcp", "~80", "127.0.0.1", "127.0.0.1:", "127.0.0:80:80", "300.0.0.1:80", "::1:80", "[::1]",
		"[::1]80", "[::1:80", "[127.0.0.1]:80", "[]:80", "1.2.3.4%eth0:80", "80,90" };
	const char *spec;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		spec = NULL;
		assert_null(forward_spec(good[i][0], &spec));
		assert_string_equal(spec, good[i][1]);
		free((char *)spec);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		print_message("\"%s\"\n", bad[i]);
		spec = NULL;
		assert_non_null(forward_spec(bad[i], &spec));
		assert_null(spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(first_word),
		cmocka_unit_test(rates),
		cmocka_unit_test(macs),
		cmocka_unit_test(forwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
