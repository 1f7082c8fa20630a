/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every benchmark here shares: series of samples, their percentiles, the description of the
 * host and the two ways to print them. With json: one object on stdout, "host" first; each series
 * is "NAME": {"p50", "p95", "p99", "n", "unit"}, each value a plain number. Without: a table.
 * Series that are spread have "mean" and "spread", too: the least, nine deciles, the most.
 *
 * A benchmark has nothing to clean up after: running out of memory, or a bad argument, ends the
 * program with a message and status 2. One thread.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>

struct bench;
struct bench_series;

/* title: the heading of the table, not in the JSON. Strings given to these calls are borrowed. */
struct bench *bench_new(const char *title);
void bench_free(struct bench *b); /* its series too */

/* `name` is the JSON key and ends in the unit by habit: "first_exit_us", "us". Printed in order of
 * making. */
struct bench_series *bench_series(struct bench *b, const char *name, const char *unit);
void bench_add(struct bench_series *s, double sample);

/* How its samples are distributed is printed, too. */
void bench_spread(struct bench_series *s);
double bench_mean(const struct bench_series *s); /* NaN when there is no sample */

/* Nearest-rank percentile, 0 < percent <= 100; NaN when there is no sample. */
double bench_percentile(struct bench_series *s, double percent);

/* A plain number: a count, a ratio ("ratio_..."). Printed after the series. */
void bench_value(struct bench *b, const char *name, double value);

void bench_print(struct bench *b, bool json);

/* The command line all benchmarks take: [--json] [--runs N] [--help] and the words that follow.
 * runs: the default, replaced by what was given. words: index into argv of the first other word. */
struct bench_options {
	bool json;
	unsigned int runs;
	int words;
};
void bench_parse(int argc, char **argv, const char *usage, struct bench_options *options);

/* Milliseconds and microseconds of CLOCK_MONOTONIC. */
double bench_now_ms(void);
double bench_now_us(void);

/* Says what went wrong on stderr and ends the program with status 2. */
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- host description (bench_host.c) ---- */

/* strings hold "none" or "unknown" where the host does not tell. */
struct bench_host {
	char kernel[96];	/* uname -r */
	char kvm_vendor[16];	/* "kvm_intel", "kvm_amd", "kvm_pvm", "none" */
	long cpus;		/* this process may run on */
	char huge_pages[16];	/* transparent_hugepage/enabled */
	char nx_huge_pages[16]; /* kvm.nx_huge_pages */
};
void bench_host_read(struct bench_host *host);

#endif
