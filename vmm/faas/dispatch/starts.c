/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may start an instance next. Functions that want one are served by stride scheduling: each start moves a function
 * on by SHARE / weight, and the one that is furthest behind goes first. Memory is committed before a start; where it is
 * not there, the longest idle instance that nobody needs makes room.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "internal.h"

static uint32_t slots(const struct spec *spec)
{
	return spec->single_use ? 1 : spec->concurrency;
}

/* Instances of the live revision that serve or will. */
static uint32_t live(const struct function *f)
{
	uint32_t n = 0;

	for (const struct replica *r = f->replicas; r; r = r->next)
		n += r->revision == f->current && r->state < REPLICA_KEPT;
	return n;
}

/* Of the live revision: the tryout serves nobody who waits, unless it becomes that. */
static uint32_t starting(const struct function *f)
{
	return f->starting - (f->tryout && f->tryout->state == REPLICA_STARTING ? 1 : 0);
}

static uint32_t wanted(const struct function *f)
{
	const struct spec *spec;
	uint32_t by_queue, least, have, n, coming = starting(f);

	if (f->removed || loop_now(f->d->loop) < f->not_before)
		return 0;
	if (f->candidate && !f->tryout)
		return 1;
	if (!f->current)
		return 0;
	spec = f->current->spec;
	least = f->scaled > spec->min_warm ? f->scaled : spec->min_warm;
	if (!f->queued && f->ready + coming >= least)
		return 0;
	by_queue = (f->queued + slots(spec) - 1) / slots(spec);
	by_queue = by_queue > coming ? by_queue - coming : 0;
	have = live(f);
	n = have < least ? least - have : 0;
	n = n > by_queue ? n : by_queue;
	return have >= spec->max_instances ? 0 : n < spec->max_instances - have ? n : spec->max_instances - have;
}

static struct revision *next_revision(const struct function *f)
{
	return f->candidate && !f->tryout ? f->candidate : f->current;
}

static struct function *furthest_behind(struct dispatcher *d)
{
	struct function *best = NULL;

	for (struct function *f = d->functions; f; f = f->next) {
		f->starved = false;
		if (wanted(f) == 0)
			continue;
		if (f->pass < d->pass)
			f->pass = d->pass; /* it did not want any for a while: that gives no credit */
		if (!best || f->pass < best->pass)
			best = f;
	}
	return best;
}

static bool spare(const struct replica *r)
{
	const struct function *f = r->function;
	uint32_t least = f->current ? f->current->spec->min_warm : 0;

	return r->state == REPLICA_READY && !r->retiring && r->inflight == 0 && !f->queue && f->ready > least;
}

static bool kept(const struct replica *r)
{
	return r->state == REPLICA_KEPT;
}

static struct replica *oldest_of(const struct dispatcher *d, bool (*fits)(const struct replica *r))
{
	struct replica *oldest = NULL;

	for (struct function *f = d->functions; f; f = f->next)
		for (struct replica *r = f->replicas; r; r = r->next)
			if (fits(r) && (!oldest || r->idle_since < oldest->idle_since))
				oldest = r;
	return oldest;
}

/* Stops the instance that has been idle for longest; where none is, one that is only looked at. */
static bool make_room(struct dispatcher *d)
{
	struct replica *oldest = oldest_of(d, spare);

	if (!oldest)
		oldest = oldest_of(d, kept);
	if (!oldest)
		return false;
	replica_stop(oldest);
	return true;
}

static bool fits(const struct dispatcher *d, const struct function *f, uint64_t coming)
{
	return d->committed - coming + replica_memory(d, next_revision(f)->spec) <= d->config.memory;
}

static uint64_t since(const struct function *f)
{
	return f->queue ? f->queue->asked : loop_clock();
}

/* True: go on with the next. */
static bool start_one(struct dispatcher *d, struct function *f)
{
	struct revision *revision = next_revision(f);
	struct replica *r;
	char text[LAST_WORDS] = "";
	int rc;

	d->pass = f->pass;
	rc = replica_start(f, revision, since(f), &r, text);
	if (rc == -EAGAIN) {
		d->wait_for_more = true;
		return false;
	}
	f->pass += SHARE / revision->spec->weight;
	if (rc == 0) {
		if (revision == f->candidate)
			f->tryout = r;
		return true;
	}
	f->counts.failed_starts++;
	if (d->config.event)
		d->config.event(d->config.arg, f->name, "-", "failed", text);
	if (revision == f->candidate) {
		function_deployed(f, text);
		return true;
	}
	queue_refuse(f, 1, 503, "an instance of the function could not be started");
	f->failures++;
	f->not_before = loop_now(d->loop) + 100000000;
	loop_timer_set(d->loop, &f->retry, f->not_before);
	return true;
}

static void schedule(struct loop_task *task)
{
	struct dispatcher *d = (struct dispatcher *)((char *)task - offsetof(struct dispatcher, schedule));
	struct function *f;

	d->starved = false;
	while (!d->stopping && !d->wait_for_more && d->n_starting < d->config.starting && (f = furthest_behind(d))) {
		if (!fits(d, f, 0)) {
			f->starved = d->starved = true;
			while (!fits(d, f, d->ending) && make_room(d))
				;
			return;
		}
		if (!start_one(d, f))
			return;
	}
}

void starts_soon(struct dispatcher *d)
{
	d->schedule.run = schedule;
	loop_defer(d->loop, &d->schedule);
}

/* Should an instance of f that has become free go, for a function that waits and would have less even with it? */
bool starts_yield(const struct function *f)
{
	const struct dispatcher *d = f->d;
	uint64_t mine, its;

	if (!f->current)
		return false;
	for (const struct function *g = d->functions; g; g = g->next) {
		if (!g->starved || g == f || !next_revision(g) || fits(d, g, d->ending))
			continue;
		mine = (uint64_t)f->n_replicas * next_revision(g)->spec->weight;
		its = (uint64_t)(g->n_replicas + 1) * f->current->spec->weight;
		if (its < mine)
			return true;
	}
	return false;
}
