/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime of functions, measured: what an image weighs, how fast a guest is there, how fast it answers, and how its
 * code runs beside the same code in this process. Starts and requests are measured in turn with each other, so that all
 * see the same host. It makes a network namespace with a tap of its own.
 *
 * usage: runtime [--json] [--runs N]
 */
#include "runtime.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

static const char usage[] = "usage: runtime [--json] [--runs N]";

enum { WARM_FACTOR = 100, FUNCTION_RUNS_PART = 6, BODY_RUNS_PART = 3 };

static void image_size(struct bench *b)
{
	struct stat st;

	if (stat(RUNTIME_IMAGE("noop"), &st))
		beside_die("%s: not built", RUNTIME_IMAGE("noop"));
	bench_value(b, "image_bytes", (double)st.st_size);
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 30 };
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	net_enter(NET_MTU);
	b = bench_new("The runtime of functions");
	image_size(b);
	runtime_starts(b, options.runs);
	runtime_warm(b, options.runs * WARM_FACTOR);
	runtime_body(b, options.runs / BODY_RUNS_PART + 1);
	runtime_functions(b, options.runs / FUNCTION_RUNS_PART + 1);
	bench_print(b, options.json);
	bench_free(b);
	return 0;
}
