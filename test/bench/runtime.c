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

#include "ring0.h"

static const char usage[] = "usage: runtime [--json] [--runs N]";

enum { WARM_FACTOR = 100, FUNCTION_RUNS_PART = 6, BODY_RUNS_PART = 3 };

static void image_size(struct bench *b)
{
	struct stat st;

	if (stat(RUNTIME_IMAGE("noop"), &st))
		beside_die("%s: not built", RUNTIME_IMAGE("noop"));
	bench_value(b, "image_bytes", (double)st.st_size);
}

/* What hosts that emulate ring 0 do at a thousandth of their speed; nothing where guests cannot be stepped. */
static void ring0(struct bench *b)
{
	struct ring0_counts counts;

	if (ring0_count(RUNTIME_IMAGE("rt-selftest"), "mode=waits", &counts) || !counts.calls)
		return;
	bench_value(b, "ring0_instructions_to_ring3", counts.entry);
	bench_value(b, "ring0_instructions_per_interrupt", counts.interrupt_max);
	bench_value(b, "ring0_instructions_per_idle", counts.call_max);
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 30 };
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	net_enter(NET_MTU);
	b = bench_new("The runtime of functions");
	image_size(b);
	ring0(b);
	runtime_starts(b, options.runs);
	runtime_warm(b, options.runs * WARM_FACTOR);
	runtime_body(b, options.runs / BODY_RUNS_PART + 1);
	runtime_functions(b, options.runs / FUNCTION_RUNS_PART + 1);
	bench_print(b, options.json);
	bench_free(b);
	return 0;
}
