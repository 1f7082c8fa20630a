/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that are made ahead: walled in, with a VM of the kinds that were used last. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "internal.h"

#define FILL_NS 3000000u

static void drop(struct spare *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	loop_unwatch(s->b->loop, &s->watch);
	worker_free(s->worker);
	free(s);
}

static void on_event(struct loop_fd *watch, uint32_t events)
{
	struct spare *s = (struct spare *)((char *)watch - offsetof(struct spare, watch));
	struct backend *b = s->b;
	static struct worker_event e;

	(void)events;
	while (worker_next(s->worker, &e)) {
		if (e.type == WORKER_READY) {
			s->ready = true;
			b->failures = 0;
		}
		if (e.type == WORKER_FAILED || e.type == WORKER_DEAD) {
			/* many that are killed together are one failure; one that was ready has shown that they can be made */
			if (!s->ready && s->round == b->failures)
				b->failures++;
			drop(s);
			break;
		}
	}
	loop_defer(b->loop, &b->serve);
}

static int add(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct spare *s = calloc(1, sizeof *s);
	int rc = s ? makers_worker(b, memory, vcpus, 0, &s->worker, &err) : -ENOMEM;

	if (rc < 0) {
		free(s);
		return rc;
	}
	s->b = b;
	s->round = b->failures;
	s->memory = memory;
	s->vcpus = vcpus;
	s->watch.ready = on_event;
	s->link = &b->spares;
	s->next = b->spares;
	if (s->next)
		s->next->link = &s->next;
	b->spares = s;
	if (loop_watch(b->loop, &s->watch, worker_fd(s->worker), EPOLLIN) == 0)
		return 0;
	drop(s);
	return -ENOMEM;
}

static void remember(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	uint32_t i = 0;

	while (i < b->n_kinds && (b->kind[i].memory != memory || b->kind[i].vcpus != vcpus))
		i++;
	if (i == b->n_kinds && b->n_kinds < KINDS)
		b->n_kinds++;
	if (i == KINDS)
		i--;
	for (; i > 0; i--)
		b->kind[i] = b->kind[i - 1];
	b->kind[0].memory = memory;
	b->kind[0].vcpus = vcpus;
}

/* It has been killed: one that waits has nothing else to say. We hear of it at the loop's next turn. */
static bool is_dead(const struct spare *s)
{
	struct pollfd fd = { .fd = worker_fd(s->worker), .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

struct worker *spares_take(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	struct spare *s = b->spares;
	struct worker *worker;

	remember(b, memory, vcpus);
	while (s && !(s->ready && s->memory == memory && s->vcpus == vcpus && !is_dead(s)))
		s = s->next;
	if (!s)
		return NULL;
	worker = s->worker;
	s->worker = NULL;
	drop(s);
	return worker;
}

static uint32_t have(const struct backend *b, uint64_t memory, uint32_t vcpus)
{
	uint32_t n = 0;

	for (const struct spare *s = b->spares; s; s = s->next)
		n += s->memory == memory && s->vcpus == vcpus;
	return n;
}

static uint32_t needed(const struct backend *b, uint64_t memory, uint32_t vcpus, bool ahead)
{
	uint32_t n = ahead ? b->options.pool : 0;

	for (const struct instance *i = b->waiting; i; i = i->next)
		n += i->memory == memory && i->vcpus == vcpus;
	return n;
}

static bool remembered(const struct backend *b, const struct spare *s)
{
	for (uint32_t i = 0; i < b->n_kinds; i++)
		if (b->kind[i].memory == s->memory && b->kind[i].vcpus == s->vcpus)
			return true;
	return false;
}

/* Of the first kind that has fewer than it should. False: none has, or none can be made. */
static bool add_missing(struct backend *b, bool ahead)
{
	for (uint32_t i = 0; i < b->n_kinds && b->failures < FAILURES; i++) {
		uint64_t memory = b->kind[i].memory;
		uint32_t vcpus = b->kind[i].vcpus;
		int rc;

		if (have(b, memory, vcpus) >= needed(b, memory, vcpus, ahead))
			continue;
		rc = add(b, memory, vcpus);
		if (rc == 0)
			return true;
		/* a broker with a full socket is asked again by and by */
		if (rc == -EAGAIN)
			spares_later(b);
		else
			b->failures++;
		return false;
	}
	return false;
}

/* One after the other: making a worker costs as much as a cold start, and should not stand in the way of many. */
static void on_fill(struct loop_timer *timer)
{
	struct backend *b = (struct backend *)((char *)timer - offsetof(struct backend, fill));

	if (add_missing(b, true))
		loop_timer_in(b->loop, timer, FILL_NS);
}

void spares_later(struct backend *b)
{
	b->fill.due = on_fill;
	if (!b->fill.set)
		loop_timer_in(b->loop, &b->fill, FILL_NS);
}

void spares_fill(struct backend *b)
{
	struct spare *next;

	for (struct spare *s = b->spares; s; s = next) {
		next = s->next;
		if (!remembered(b, s))
			drop(s);
	}
	while (add_missing(b, false))
		;
}

void spares_free(struct backend *b)
{
	loop_timer_stop(b->loop, &b->fill);
	while (b->spares)
		drop(b->spares);
}
