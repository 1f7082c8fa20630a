/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps of functions with egress are opened and closed on a thread of their own: the kernel may take its time, and a
 * cold start does not wait for what else is done for the disk.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

struct gate {
	struct work_job job;
	struct backend *b;
	struct instance *instance; /* while it is opened */
	struct tap *tap;
	struct spec *spec;
	struct passage passage;
	bool open, stuck; /* stuck: it could not be closed, and its tap is given up */
	struct ukvmm_err err;
};

static struct gate *gate_of(struct work_job *job)
{
	return (struct gate *)((char *)job - offsetof(struct gate, job));
}

static void run_open(struct work_job *job)
{
	struct gate *g = gate_of(job);

	g->open = uplink_open(g->b->options.uplink, &g->passage, &g->err) == 0;
}

static void opened(struct work_job *job)
{
	struct gate *g = gate_of(job);
	struct instance *i = g->instance;
	char text[END_TEXT];

	i->opening = false;
	if (g->open && !i->stopping) {
		loop_defer(i->b->loop, &i->b->serve);
		return;
	}
	snprintf(text, sizeof text, "%.31s(%.63s): %.151s", g->err.call, g->err.object, g->err.text);
	vm_leave_queue(i);
	vm_gone(i, i->stopping ? DIED_STOPPED : DIED_FAILED, i->stopping ? "it was stopped before it began" : text);
}

int gate_open(struct instance *i, const struct spec *spec)
{
	struct gate *g = calloc(1, sizeof *g);

	if (!g)
		return -ENOMEM;
	*g = (struct gate){ .b = i->b, .instance = i, .tap = i->tap, .err.size = sizeof g->err };
	g->spec = spec_ref((struct spec *)(uintptr_t)spec);
	g->passage = (struct passage){ g->tap->name, g->tap->guest, g->tap->host, g->spec };
	g->job.run = run_open;
	g->job.done = opened;
	i->gate = g;
	i->opening = true;
	work_submit(i->b->gates, &g->job);
	return 0;
}

static void run_close(struct work_job *job)
{
	struct gate *g = gate_of(job);

	if (!g->open || uplink_close(g->b->options.uplink, &g->passage, &g->err) == 0)
		return;
	g->stuck = true;
	close(g->tap->fd);
}

static void closed(struct work_job *job)
{
	struct gate *g = gate_of(job);
	struct backend *b = g->b;

	if (g->stuck)
		free(g->tap);
	else
		taps_give(b->taps, g->tap);
	spec_unref(g->spec);
	free(g);
	if (b->options.more)
		b->options.more(b->options.arg);
}

void gate_close(struct instance *i)
{
	struct gate *g = i->gate;

	g->instance = NULL;
	g->job.run = run_close;
	g->job.done = closed;
	i->gate = NULL;
	work_submit(g->b->gates, &g->job);
}
