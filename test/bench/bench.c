/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_ITEMS = 128, SPREAD = 11 };

struct bench_series {
	const char *name, *unit;
	double *sample;
	size_t n, room;
	bool sorted, spread;
};

struct bench_number {
	const char *name;
	double value;
};

struct bench {
	const char *title;
	struct bench_series series[BENCH_ITEMS];
	struct bench_number number[BENCH_ITEMS];
	size_t series_n, number_n;
};

struct bench *bench_new(const char *title)
{
	struct bench *b = calloc(1, sizeof *b);

	if (!b)
		bench_die("out of memory");
	b->title = title;
	return b;
}

void bench_free(struct bench *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->series_n; i++)
		free(b->series[i].sample);
	free(b);
}

struct bench_series *bench_series(struct bench *b, const char *name, const char *unit)
{
	struct bench_series *s;

	if (b->series_n == BENCH_ITEMS)
		bench_die("more than %d series", BENCH_ITEMS);
	s = &b->series[b->series_n++];
	s->name = name;
	s->unit = unit;
	return s;
}

void bench_add(struct bench_series *s, double sample)
{
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 256;
		s->sample = reallocarray(s->sample, s->room, sizeof *s->sample);
		if (!s->sample)
			bench_die("out of memory");
	}
	s->sample[s->n++] = sample;
	s->sorted = false;
}

void bench_spread(struct bench_series *s)
{
	s->spread = true;
}

double bench_mean(const struct bench_series *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->sample[i];
	return s->n ? sum / (double)s->n : NAN;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_percentile(struct bench_series *s, double percent)
{
	size_t rank;

	if (s->n == 0)
		return NAN;
	if (!s->sorted)
		qsort(s->sample, s->n, sizeof *s->sample, compare);
	s->sorted = true;
	rank = (size_t)ceil(percent / 100.0 * (double)s->n);
	if (rank < 1)
		rank = 1;
	return s->sample[(rank < s->n ? rank : s->n) - 1];
}

void bench_value(struct bench *b, const char *name, double value)
{
	if (b->number_n == BENCH_ITEMS)
		bench_die("more than %d values", BENCH_ITEMS);
	b->number[b->number_n++] = (struct bench_number){ .name = name, .value = value };
}

/* Three decimals: a nanosecond in a figure of microseconds; more is noise that hides the digits
 * read. */
static double rounded(double v)
{
	return round(v * 1000.0) / 1000.0;
}

/* The first is the least: its percentile is as small as can be. */
static double decile(struct bench_series *s, int i)
{
	return bench_percentile(s, i == 0 ? 1e-9 : i * 10);
}

static void add_host(cJSON *root)
{
	struct bench_host host;
	cJSON *o = cJSON_AddObjectToObject(root, "host");

	bench_host_read(&host);
	cJSON_AddStringToObject(o, "kernel", host.kernel);
	cJSON_AddStringToObject(o, "kvm_vendor", host.kvm_vendor);
	cJSON_AddNumberToObject(o, "cpus", (double)host.cpus);
	cJSON_AddStringToObject(o, "huge_pages", host.huge_pages);
	cJSON_AddStringToObject(o, "nx_huge_pages", host.nx_huge_pages);
}

static void add_series(cJSON *root, struct bench_series *s)
{
	cJSON *o = cJSON_AddObjectToObject(root, s->name);

	cJSON_AddNumberToObject(o, "p50", rounded(bench_percentile(s, 50)));
	cJSON_AddNumberToObject(o, "p95", rounded(bench_percentile(s, 95)));
	cJSON_AddNumberToObject(o, "p99", rounded(bench_percentile(s, 99)));
	cJSON_AddNumberToObject(o, "n", (double)s->n);
	cJSON_AddStringToObject(o, "unit", s->unit);
	if (!s->spread)
		return;
	cJSON_AddNumberToObject(o, "mean", rounded(bench_mean(s)));
	o = cJSON_AddArrayToObject(o, "spread");
	for (int i = 0; i < SPREAD; i++)
		cJSON_AddItemToArray(o, cJSON_CreateNumber(rounded(decile(s, i))));
}

static void print_json(struct bench *b)
{
	cJSON *root = cJSON_CreateObject();
	char *text;

	add_host(root);
	for (size_t i = 0; i < b->series_n; i++)
		add_series(root, &b->series[i]);
	for (size_t i = 0; i < b->number_n; i++)
		cJSON_AddNumberToObject(root, b->number[i].name, rounded(b->number[i].value));
	text = cJSON_Print(root);
	if (!text)
		bench_die("out of memory");
	puts(text);
	cJSON_free(text);
	cJSON_Delete(root);
}

static void print_spread(struct bench_series *s)
{
	printf("    mean %.3f; least, deciles, most:", bench_mean(s));
	for (int i = 0; i < SPREAD; i++)
		printf(" %.3f", decile(s, i));
	putchar('\n');
}

static void print_table(struct bench *b)
{
	struct bench_host host;

	bench_host_read(&host);
	printf("%s\nhost: Linux %s, %s, %ld CPUs, huge pages %s, nx_huge_pages %s\n", b->title,
		host.kernel, host.kvm_vendor, host.cpus, host.huge_pages, host.nx_huge_pages);
	printf("%-36s %12s %12s %12s %8s  %s\n", "", "p50", "p95", "p99", "n", "unit");
	for (size_t i = 0; i < b->series_n; i++) {
		struct bench_series *s = &b->series[i];

		printf("%-36s %12.3f %12.3f %12.3f %8zu  %s\n", s->name, bench_percentile(s, 50),
			bench_percentile(s, 95), bench_percentile(s, 99), s->n, s->unit);
		if (s->spread)
			print_spread(s);
	}
	for (size_t i = 0; i < b->number_n; i++)
		printf("%-36s %12.3f\n", b->number[i].name, b->number[i].value);
}

void bench_print(struct bench *b, bool json)
{
	if (json)
		print_json(b);
	if (!json)
		print_table(b);
	if (fflush(stdout) != 0)
		bench_die("cannot write to stdout");
}
