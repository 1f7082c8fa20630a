/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for an instance, and those that have one. */
#include <stddef.h>
#include <stdlib.h>

#include "internal.h"

static struct replica *least_loaded(const struct function *f)
{
	struct replica *best = NULL;

	for (struct replica *r = f->replicas; r; r = r->next) {
		if (r->revision != f->current || !replica_free_slot(r))
			continue;
		if (!best || r->inflight < best->inflight)
			best = r;
		if (best->inflight == 0)
			break;
	}
	return best;
}

static void insert(struct ticket **list, struct ticket *t)
{
	t->next = *list;
	if (t->next)
		t->next->link = &t->next;
	t->link = list;
	*list = t;
}

static void leave_queue(struct ticket *t)
{
	struct function *f = t->function;

	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	else
		f->queue_end = t->link;
	t->link = NULL;
	f->queued--;
	f->d->n_queued--;
	loop_timer_stop(f->d->loop, &t->deadline);
}

static void join_queue(struct function *f, struct ticket *t)
{
	bool first = t->again && f->queue;

	insert(first ? &f->queue : f->queue_end, t);
	if (!first)
		f->queue_end = &t->next;
	f->queued++;
	f->d->n_queued++;
}

static void grant(struct replica *r, struct ticket *t)
{
	struct function *f = r->function;

	insert(&r->tickets, t);
	t->replica = r;
	t->granted_at = loop_clock();
	if (r->inflight++ == 0)
		r->silent_since = t->granted_at;
	f->inflight++;
	f->counts.invocations += !t->again;
	loop_timer_stop(f->d->loop, &r->timer);
	if (r->revision->spec->single_use)
		r->retiring = true;
	t->granted(t);
}

static void refuse(struct ticket *t, unsigned int status, const char *why)
{
	t->function->counts.refused++;
	t->refused(t, status, why);
}

static void on_late(struct loop_timer *timer)
{
	struct ticket *t = (struct ticket *)((char *)timer - offsetof(struct ticket, deadline));
	bool starting = t->function->starting > 0;

	leave_queue(t);
	if (starting)
		refuse(t, 504, "no instance of the function was ready in time");
	else
		refuse(t, 503, "no capacity: no instance of the function became free in time");
}

static bool rate_allows(struct function *f)
{
	uint64_t now = loop_now(f->d->loop), rate = f->current->spec->rate;
	double full = rate < 10 ? 1 : (double)rate / 10;

	if (rate == 0)
		return true;
	f->tokens += f->tokens_at ? (double)(now - f->tokens_at) / 1e9 * (double)rate : full;
	f->tokens_at = now;
	if (f->tokens > full)
		f->tokens = full;
	if (f->tokens < 1)
		return false;
	f->tokens -= 1;
	return true;
}

/* One that had an instance already was admitted then. */
static bool admitted(struct function *f, struct ticket *t)
{
	const struct spec *spec = f->current->spec;

	if (t->again)
		return true;
	if (spec->max_inflight && f->inflight + f->queued >= spec->max_inflight) {
		refuse(t, 429, "the function has as many requests as it may have");
		return false;
	}
	if (!rate_allows(f)) {
		refuse(t, 429, "the function gets more requests a second than it may");
		return false;
	}
	return true;
}

void ticket_ask(struct function *f, struct ticket *t)
{
	const struct spec *spec = f->current->spec;
	struct replica *r;

	t->function = f;
	t->asked = loop_clock();
	if (!admitted(f, t))
		return;
	r = f->queue ? NULL : least_loaded(f);
	if (r) {
		grant(r, t);
		return;
	}
	if (f->queued >= spec->queue && !t->again) {
		refuse(t, 503, "no capacity: the function's queue is full");
		return;
	}
	t->cold = true;
	join_queue(f, t);
	t->deadline.due = on_late;
	loop_timer_in(f->d->loop, &t->deadline, spec->queue_ns);
	starts_soon(f->d);
}

void queue_serve(struct function *f)
{
	struct replica *r;

	if (f->serving)
		return;
	f->serving = true;
	while (f->queue && !f->removed && (r = least_loaded(f))) {
		struct ticket *t = f->queue;

		leave_queue(t);
		grant(r, t);
	}
	f->serving = false;
}

void queue_refuse(struct function *f, uint32_t most, unsigned int status, const char *why)
{
	while (f->queue && most-- > 0) {
		struct ticket *t = f->queue;

		leave_queue(t);
		refuse(t, status, why);
	}
}

void ticket_first_byte(struct ticket *t)
{
	struct replica *r = t->replica;
	uint64_t now;

	if (!r)
		return;
	now = r->answered_at = r->silent_since = loop_clock();
	r->silent_ns = 0;
	if (r->first_used)
		return;
	r->first_used = true;
	if (!t->cold)
		return;
	histogram_add(&r->function->phases[PHASE_FIRST_BYTE], now - r->ready_at);
	histogram_add(&r->function->phases[PHASE_ALL], now - t->asked);
}

/* The slot goes to the next in the queue, or its instance to a function that has less. */
static void pass_on(struct replica *r)
{
	struct function *f = r->function;

	if (r->state == REPLICA_READY && !r->retiring && starts_yield(f))
		r->retiring = true;
	queue_serve(f);
	replica_idle(r);
	if (f->queue || f->d->starved)
		starts_soon(f->d);
}

/*
 * A request is late, and it was not others that its instance was busy with; or clients do not wait for so long, and it
 * has let several of them go.
 */
static bool hangs(const struct replica *r, const struct ticket *t, enum ticket_end end)
{
	const struct spec *spec = r->revision->spec;

	if (end == TICKET_LEFT)
		return r->silent_ns >= spec->timeout_ns;
	return end == TICKET_LATE && (spec->concurrency == 1 || r->answered_at < t->granted_at);
}

static void note_silence(struct replica *r, enum ticket_end end)
{
	uint64_t now = loop_clock();

	r->silent_ns = end == TICKET_FINE ? 0 : r->silent_ns + now - r->silent_since;
	r->silent_since = now;
}

/* What a request's end says of its instance. It has other requests, perhaps, which get their time. */
static void judge(struct replica *r, const struct ticket *t, enum ticket_end end)
{
	const struct spec *spec = r->revision->spec;

	if (r->state != REPLICA_READY || end == TICKET_FINE)
		return;
	if (hangs(r, t, end)) {
		r->retiring = true;
		r->hung = spec->keep;
	}
	if (end == TICKET_DEAD || (end == TICKET_SUSPECT && spec->concurrency == 1))
		replica_retire(r);
}

void ticket_done(struct ticket *t, enum ticket_end end)
{
	struct replica *r = t->replica;

	if (!r) {
		if (t->link)
			leave_queue(t);
		return;
	}
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
	t->replica = NULL;
	r->inflight--;
	r->function->inflight--;
	replica_note_phases(r);
	note_silence(r, end);
	judge(r, t, end);
	pass_on(r);
}

const struct spec *ticket_spec(const struct ticket *t)
{
	return t->replica->revision->spec;
}

const char *ticket_instance(const struct ticket *t)
{
	return t->replica->name;
}

void ticket_address(const struct ticket *t, struct sockaddr_in *out)
{
	t->replica->d->ops->address(t->replica->instance, out);
}
