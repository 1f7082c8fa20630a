/* SPDX-License-Identifier: Apache-2.0 */
/* What the back end tells of an instance: that it is ready, what it writes, its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static void on_ready(void *user)
{
	struct replica *r = user;

	if (r->revision->spec->ready == READY_DOORBELL)
		replica_is_ready(r);
}

/* The first line that it wrote most recently, as its last words if it dies. */
static void on_log(void *user, const char *bytes, size_t len)
{
	struct replica *r = user;
	size_t n = len < sizeof r->words - 1 ? len : sizeof r->words - 1;

	memcpy(r->words, bytes + len - n, n);
	r->words_len = n;
	r->words[n] = 0;
	if (r->d->config.log)
		r->d->config.log(r->d->config.arg, r->function->name, r->name, bytes, len);
}

static void start_failed(struct function *f)
{
	uint64_t pause = 100000000;

	f->counts.failed_starts++;
	queue_refuse(f, 1, 502, "an instance of the function ended before it was ready");
	if (++f->failures < FAILURES)
		return;
	pause <<= f->failures - FAILURES > 6 ? 6 : f->failures - FAILURES;
	f->not_before = loop_now(f->d->loop) + pause;
	loop_timer_set(f->d->loop, &f->retry, f->not_before);
}

/* What waited for its answers learns of it first, while the replica still is. */
static void tell_tickets(struct replica *r, const char *why)
{
	while (r->tickets) {
		struct ticket *t = r->tickets;

		t->lost(t, why);
		if (r->tickets == t)
			ticket_done(t, TICKET_DEAD);
	}
}

uint64_t replica_byte_seconds(const struct replica *r)
{
	uint64_t milliseconds = (loop_clock() - r->born) / 1000000;

	return r->revision->spec->memory / 1000 * milliseconds;
}

static void charge(struct replica *r, const struct instance_cost *cost)
{
	struct function_counts *c = &r->function->counts;

	c->cpu_ns += cost->cpu_ns;
	c->network_bytes += cost->rx_bytes + cost->tx_bytes;
	c->byte_seconds += replica_byte_seconds(r);
}

static void unlink_replica(struct replica *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
}

static void free_replica(struct replica *r, bool was_ending)
{
	struct dispatcher *d = r->d;

	if (was_ending)
		d->ending -= replica_memory(d, r->revision->spec);
	replica_account(r, false);
	unlink_replica(r);
	loop_timer_stop(d->loop, &r->timer);
	revision_unref(r->revision);
	free(r);
	starts_soon(d);
	if (d->stopping && d->n_replicas == 0 && d->empty)
		d->empty(d->empty_arg);
}

static void on_died(void *user, const struct instance_end *end)
{
	struct replica *r = user;
	struct function *f = r->function;
	bool was_ending = r->state == REPLICA_ENDING, asked = was_ending && end->cause == DIED_STOPPED;
	bool unready = r->ready_at == 0, tried = r == f->tryout;
	char why[2 * LAST_WORDS];

	snprintf(why, sizeof why, "%s%s%s", end->text, r->words_len || r->words[0] ? "; its last words: " : "", r->words);
	why[strcspn(why, "\r\n")] = 0;
	if (!was_ending) {
		if (r->state == REPLICA_STARTING)
			probe_end(r);
		replica_counted_as(r, REPLICA_ENDING);
	}
	if (!asked)
		f->counts.instances_died++;
	replica_event(r, asked ? "stopped" : "died", why);
	replica_note_phases(r);
	charge(r, &end->cost);
	tell_tickets(r, why);
	if (tried)
		f->tryout = NULL;
	if (unready && !tried && !r->retiring)
		start_failed(f);
	free_replica(r, was_ending);
	if (tried && f->deploy)
		function_deployed(f, why);
	else
		function_free_if_gone(f);
}

const struct instance_events dispatch_events = { on_ready, on_log, on_died };
