/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that are made ahead: walled in, with a VM of the kinds that were used last. How many is for fill.c to say. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "internal.h"

void spares_drop(struct spare *s)
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
			spares_drop(s);
			break;
		}
	}
	loop_defer(b->loop, &b->serve);
}

int spares_add(struct backend *b, uint64_t memory, uint32_t vcpus)
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
	spares_drop(s);
	return -ENOMEM;
}

/* It has been killed: one that waits has nothing else to say. We hear of it at the loop's next turn. */
static bool is_dead(const struct spare *s)
{
	struct pollfd fd = { .fd = worker_fd(s->worker), .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

uint32_t spares_ready(const struct backend *b)
{
	uint32_t n = 0;

	for (const struct spare *s = b->spares; s; s = s->next)
		n += s->ready;
	return n;
}

struct worker *spares_take(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	struct spare *s = b->spares;
	struct worker *worker;

	while (s && !(s->ready && s->memory == memory && s->vcpus == vcpus && !is_dead(s)))
		s = s->next;
	if (!s)
		return NULL;
	worker = s->worker;
	s->worker = NULL;
	spares_drop(s);
	return worker;
}

void spares_drop_one(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	struct spare *s = b->spares;

	while (s && !(s->ready && s->memory == memory && s->vcpus == vcpus))
		s = s->next;
	if (s)
		spares_drop(s);
}

void spares_free(struct backend *b)
{
	fill_stop(b);
	while (b->spares)
		spares_drop(b->spares);
}
