/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn void bench_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static unsigned int parse_runs(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 1 || n > 1000000)
		bench_die("--runs %s: a count from 1 to 1000000 is wanted", text);
	return (unsigned int)n;
}

void bench_parse(int argc, char **argv, const char *usage, struct bench_options *options)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "runs", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		if (c == 'j') {
			options->json = true;
		} else if (c == 'n') {
			options->runs = parse_runs(optarg);
		} else if (c == 'h') {
			puts(usage);
			exit(0);
		} else {
			bench_die("%s", usage);
		}
	}
	options->words = optind;
}

static double now(double per_second)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * per_second + (double)t.tv_nsec * per_second / 1e9;
}

double bench_now_ms(void)
{
	return now(1e3);
}

double bench_now_us(void)
{
	return now(1e6);
}
