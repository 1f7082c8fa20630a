/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that everybody quotes are worth a test: percentiles, and what is printed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <cjson/cJSON.h>

#include "bench.h"

static void percentiles(void **state)
{
	struct bench *b = bench_new("test");
	struct bench_series *s = bench_series(b, "s", "us"), *one = bench_series(b, "one", "us");

	(void)state;
	assert_true(isnan(bench_percentile(s, 50)));
	/* 1000 down to 1: more than the first allocation holds, and unsorted */
	for (int i = 1000; i > 0; i--)
		bench_add(s, i);
	assert_true(bench_percentile(s, 50) == 500);
	assert_true(bench_percentile(s, 95) == 950);
	assert_true(bench_percentile(s, 99) == 990);
	assert_true(bench_percentile(s, 100) == 1000);
	assert_true(bench_percentile(s, 0.01) == 1);
	bench_add(s, 0);
	assert_true(bench_percentile(s, 0.01) == 0);
	bench_add(one, 7);
	assert_true(bench_percentile(one, 50) == 7 && bench_percentile(one, 99) == 7);
	bench_free(b);
}

/* What bench_print writes to stdout, parsed. */
static cJSON *printed(struct bench *b)
{
	static char text[16384];
	FILE *f = tmpfile();
	int saved = dup(STDOUT_FILENO);
	size_t len;

	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	bench_print(b, true);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	len = fread(text, 1, sizeof text - 1, f);
	text[len] = '\0';
	fclose(f);
	return cJSON_ParseWithOpts(text, NULL, 1);
}

static double number(const cJSON *o, const char *name)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, name);

	assert_true(cJSON_IsNumber(n));
	return n->valuedouble;
}

static void json(void **state)
{
	struct bench *b = bench_new("test");
	struct bench_series *s = bench_series(b, "wait_us", "us");
	const cJSON *host, *series;
	cJSON *root;

	(void)state;
	for (int i = 1; i <= 100; i++)
		bench_add(s, i / 8.0);
	bench_value(b, "ratio_a_to_b", 1.0 / 3);
	root = printed(b);
	assert_non_null(root);
	host = root->child;
	assert_string_equal(host->string, "host");
	assert_true(number(host, "cpus") >= 1);
	assert_true(cJSON_IsString(cJSON_GetObjectItem(host, "kernel")));
	assert_true(cJSON_IsString(cJSON_GetObjectItem(host, "kvm_vendor")));
	assert_true(cJSON_IsString(cJSON_GetObjectItem(host, "huge_pages")));
	assert_true(cJSON_IsString(cJSON_GetObjectItem(host, "nx_huge_pages")));
	series = cJSON_GetObjectItem(root, "wait_us");
	assert_true(number(series, "p50") == 6.25);
	assert_true(number(series, "p95") == 11.875);
	assert_true(number(series, "p99") == 12.375);
	assert_true(number(series, "n") == 100);
	assert_string_equal(cJSON_GetObjectItem(series, "unit")->valuestring, "us");
	assert_true(number(root, "ratio_a_to_b") == 0.333);
	cJSON_Delete(root);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
