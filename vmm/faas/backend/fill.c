/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many workers wait, and when they are made. Of each kind as many as were wanted in the busiest second of late, which
 * is forgotten by and by, between `pool` and, of all kinds together, `pool_most` more. Making one costs as much as a
 * cold start: it is not to stand in the way of those that begin.
 */
#include <errno.h>
#include <stddef.h>

#include "internal.h"

#define FILL_NS 2000000u
#define LATEST_NS 100000000u /* for want of a quiet moment */
#define SECOND_NS 1000000000u

enum { FORGET = 16 }; /* a sixteenth a second */

static uint32_t have(const struct backend *b, uint64_t memory, uint32_t vcpus)
{
	uint32_t n = 0;

	for (const struct spare *s = b->spares; s; s = s->next)
		n += s->memory == memory && s->vcpus == vcpus;
	return n;
}

static uint32_t waiting(const struct backend *b, uint64_t memory, uint32_t vcpus)
{
	uint32_t n = 0;

	for (const struct instance *i = b->waiting; i; i = i->next)
		n += i->memory == memory && i->vcpus == vcpus;
	return n;
}

/* The first kinds, which were used last, have theirs first. */
static uint32_t ahead(const struct backend *b, uint32_t kind)
{
	uint32_t least = b->options.pool, left = b->options.pool_most > least ? b->options.pool_most - least : 0;

	for (uint32_t i = 0; i < kind; i++) {
		uint32_t more = b->kind[i].most > least ? b->kind[i].most - least : 0;

		left -= more < left ? more : left;
	}
	if (b->kind[kind].most <= least)
		return least;
	return b->kind[kind].most - least < left ? b->kind[kind].most : least + left;
}

/* Of the first kind that has fewer than it should. False: none has, or none can be made. */
static bool add_missing(struct backend *b, bool for_later)
{
	for (uint32_t i = 0; i < b->n_kinds && b->failures < FAILURES; i++) {
		uint64_t memory = b->kind[i].memory;
		uint32_t vcpus = b->kind[i].vcpus;
		int rc;

		if (have(b, memory, vcpus) >= waiting(b, memory, vcpus) + (for_later ? ahead(b, i) : 0))
			continue;
		rc = spares_add(b, memory, vcpus);
		if (rc == 0)
			return true;
		/* a broker with a full socket is asked again by and by; else those that wait are told, if it stays so */
		if (rc == -EAGAIN) {
			fill_later(b);
		} else if (b->waiting) {
			b->failures++;
			loop_defer(b->loop, &b->serve);
		}
		return false;
	}
	return false;
}

static void on_fill(struct loop_timer *timer)
{
	struct backend *b = (struct backend *)((char *)timer - offsetof(struct backend, fill));
	uint64_t now = loop_now(b->loop);

	if (!backend_quiet(b) && now < b->fill_by) {
		loop_timer_in(b->loop, timer, FILL_NS);
		return;
	}
	b->fill_by = now + LATEST_NS;
	if (add_missing(b, true))
		loop_timer_in(b->loop, timer, FILL_NS);
}

void fill_later(struct backend *b)
{
	b->fill.due = on_fill;
	if (b->fill.set)
		return;
	b->fill_by = loop_now(b->loop) + LATEST_NS;
	loop_timer_in(b->loop, &b->fill, FILL_NS);
}

static void on_second(struct loop_timer *timer)
{
	struct backend *b = (struct backend *)((char *)timer - offsetof(struct backend, second));
	bool again = false;

	for (uint32_t i = 0; i < b->n_kinds; i++) {
		struct kind *k = &b->kind[i];
		uint32_t less = k->most - (k->most + FORGET - 1) / FORGET;

		k->most = k->wanted > less ? k->wanted : less;
		k->wanted = 0;
		if (have(b, k->memory, k->vcpus) > ahead(b, i))
			spares_drop_one(b, k->memory, k->vcpus);
		again |= k->most > 0;
	}
	if (again)
		loop_timer_in(b->loop, timer, SECOND_NS);
	fill_later(b);
}

static void remember(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	struct kind kind = { .memory = memory, .vcpus = vcpus };
	uint32_t i = 0;

	while (i < b->n_kinds && (b->kind[i].memory != memory || b->kind[i].vcpus != vcpus))
		i++;
	if (i < b->n_kinds)
		kind = b->kind[i];
	else if (b->n_kinds < KINDS)
		b->n_kinds++;
	if (i == KINDS)
		i--;
	for (; i > 0; i--)
		b->kind[i] = b->kind[i - 1];
	b->kind[0] = kind;
}

void fill_wanted(struct backend *b, uint64_t memory, uint32_t vcpus)
{
	remember(b, memory, vcpus);
	if (++b->kind[0].wanted > b->kind[0].most)
		b->kind[0].most = b->kind[0].wanted;
	b->second.due = on_second;
	if (!b->second.set)
		loop_timer_in(b->loop, &b->second, SECOND_NS);
}

static bool remembered(const struct backend *b, const struct spare *s)
{
	for (uint32_t i = 0; i < b->n_kinds; i++)
		if (b->kind[i].memory == s->memory && b->kind[i].vcpus == s->vcpus)
			return true;
	return false;
}

void fill_now(struct backend *b)
{
	struct spare *next;

	for (struct spare *s = b->spares; s; s = next) {
		next = s->next;
		if (!remembered(b, s))
			spares_drop(s);
	}
	while (add_missing(b, false))
		;
}

void fill_stop(struct backend *b)
{
	loop_timer_stop(b->loop, &b->fill);
	loop_timer_stop(b->loop, &b->second);
}
