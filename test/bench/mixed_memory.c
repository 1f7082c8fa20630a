/* SPDX-License-Identifier: Apache-2.0 */
/* What the server has while it works and afterwards: looked at once a second, judged, printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "mixed.h"

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The middle one of a quarter of the samples. */
static double middle(const double *samples, unsigned int n, unsigned int quarter)
{
	static double sorted[MIXED_SECONDS];
	unsigned int from = n * quarter / 4, to = n * (quarter + 1) / 4;

	if (from == to)
		return 0;
	memcpy(sorted, samples + from, (to - from) * sizeof *sorted);
	qsort(sorted, to - from, sizeof *sorted, by_size);
	return sorted[(to - from) / 2];
}

static double server_kib[MIXED_SECONDS], broker_kib[MIXED_SECONDS], own_kib[MIXED_SECONDS];
static double server_anon[MIXED_SECONDS], broker_anon[MIXED_SECONDS];
static unsigned int samples;

void memory_sample(pid_t server, double now)
{
	static double due;
	struct holding h;

	if (now < due || samples == MIXED_SECONDS)
		return;
	due = now + 1000;
	watch_look(server, &h);
	server_kib[samples] = h.server_kib;
	own_kib[samples] = h.own_kib;
	server_anon[samples] = h.server_anon;
	broker_anon[samples] = h.broker_anon;
	broker_kib[samples++] = h.broker_kib;
}

void memory_begin(void)
{
	samples = 0;
}

/* More than before by a fifth and a bit: it grows. The first rounds of an allocator are not that much. */
static void flat(const char *what, double before, double after)
{
	if (after > before * 1.2 + 2048)
		mixed_complain("%s has grown from %.0f to %.0f KiB", what, before, after);
}

static void same(const char *what, unsigned int before, unsigned int after)
{
	if (after > before)
		mixed_complain("%s: there were %u, there are %u", what, before, after);
}

/* Taps are kept, as many as there were instances at once; each is a descriptor. */
void memory_judge(const struct holding *before, const struct holding *after)
{
	same("workers", before->workers, after->workers);
	same("cgroups", before->workers + MIXED_KEPT, after->cgroups);
	same("descriptors beside taps", before->fds - before->taps, after->fds - after->taps);
	same("descriptors of the broker", before->broker_fds, after->broker_fds);
	same("taps", 64, after->taps);
	same("connections to instances", 128, after->upstream);
	flat("the idle server", before->server_anon, after->server_anon);
	flat("the idle broker", before->broker_anon, after->broker_anon);
	flat("the server", middle(server_anon, samples, 0), middle(server_anon, samples, 3));
	flat("what the server has written", middle(own_kib, samples, 0), middle(own_kib, samples, 3));
	flat("the broker", middle(broker_anon, samples, 0), middle(broker_anon, samples, 3));
}

void memory_report(struct bench *b, const unsigned int *counts, unsigned int died, const struct holding *before,
	const struct holding *after)
{
	static const char *const names[] = { "server_kib_q1", "server_kib_q2", "server_kib_q3", "server_kib_q4",
		"server_own_kib_q1", "server_own_kib_q2", "server_own_kib_q3", "server_own_kib_q4", "broker_kib_q1",
		"broker_kib_q2", "broker_kib_q3", "broker_kib_q4" };
	static const double *const of[] = { server_kib, own_kib, broker_kib };

	for (int i = FATE_WHOLE; i < FATES; i++)
		bench_value(b, fate_name[i], counts[i]);
	bench_value(b, "kills", trouble_kills);
	bench_value(b, "instances_that_died", died);
	bench_value(b, "deploys_removes_scales", trouble_deploys);
	for (unsigned int q = 0; q < 12; q++)
		bench_value(b, names[q], middle(of[q / 4], samples, q % 4));
	bench_value(b, "idle_server_kib_before", before->server_kib);
	bench_value(b, "idle_server_kib_after", after->server_kib);
	bench_value(b, "fds_before", before->fds);
	bench_value(b, "fds_after", after->fds);
	bench_value(b, "taps_before", before->taps);
	bench_value(b, "taps_after", after->taps);
	bench_value(b, "workers_after", after->workers);
	bench_value(b, "cgroups_after", after->cgroups);
	bench_value(b, "connections_to_instances_after", after->upstream);
	bench_value(b, "complaints", mixed_complaints);
}
