/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for what, and for how long. */
#include <stdlib.h>

#include "conn.h"
#include "server.h"
#include "ukvmm_rt.h"

enum { KIB_NS = 1000000000, MS = 1000000, LINGER_MS = 2000 };

static struct {
	struct waiting_list {
		struct conn *first, *last;
	} request, turn; /* CONN_NEW and CONN_IDLE; CONN_TURN */
	struct conn *restless;
	uint64_t patience[CONN_STATES]; /* ns */
	uint64_t yield;		       /* ns: after so long one gives way */
} waiting;

uint64_t conn_word(const char *name, uint64_t otherwise)
{
	const char *text = rt_arg(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

void conn_setup(void)
{
	uint64_t idle = conn_word("http.idle", 60000) * MS, stall = conn_word("http.stall", 10000) * MS;

	waiting.patience[CONN_NEW] = waiting.patience[CONN_IDLE] = idle;
	waiting.patience[CONN_HEAD] = conn_word("http.head", 10000) * MS;
	waiting.patience[CONN_BODY] = waiting.patience[CONN_ANSWER] = stall;
	waiting.patience[CONN_LINGER] = (uint64_t)LINGER_MS * MS;
	waiting.yield = conn_word("http.yield", 1000) * MS;
}

static struct waiting_list *list_of(enum conn_state state)
{
	return state == CONN_NEW || state == CONN_IDLE ? &waiting.request : state == CONN_TURN ? &waiting.turn : NULL;
}

static void list(struct conn *c)
{
	struct waiting_list *in = list_of(c->state);

	if (!in)
		return;
	c->next = NULL;
	c->prev = in->last;
	*(c->prev ? &c->prev->next : &in->first) = c;
	in->last = c;
}

static void unlist(struct conn *c)
{
	struct waiting_list *in = list_of(c->state);

	if (!in)
		return;
	*(c->prev ? &c->prev->next : &in->first) = c->next;
	*(c->next ? &c->next->prev : &in->last) = c->prev;
}

void conn_enter(struct conn *c, enum conn_state state)
{
	unlist(c);
	c->state = state;
	c->since = c->last = rt_now();
	c->moved = 0;
	list(c);
}

void conn_moved(struct conn *c, size_t bytes)
{
	c->moved += bytes;
	c->last = rt_now();
}

void conn_watch(struct conn *c)
{
	if (c->queued)
		return;
	c->queued = true;
	c->restless = waiting.restless;
	waiting.restless = c;
}

static void unqueue(struct conn *c)
{
	struct conn **at = &waiting.restless;

	while (c->queued && *at != c)
		at = &(*at)->restless;
	if (c->queued)
		*at = c->restless;
	c->queued = false;
}

void conn_forget(struct conn *c)
{
	unlist(c);
	unqueue(c);
}

struct conn *conn_longest(void)
{
	struct conn *c = waiting.request.first;

	return c && rt_now() - c->since > waiting.yield ? c : NULL;
}

struct conn *conn_first_turn(void)
{
	return waiting.turn.first;
}

/* A body has to go on, and by a KiB a second on the whole. */
bool conn_is_late(const struct conn *c)
{
	uint64_t now = rt_now(), may = waiting.patience[c->state];

	if (c->state == CONN_TURN || c->state == CONN_HANDLED)
		return false; /* what handle() calls is late by itself */
	if (c->state != CONN_BODY && c->state != CONN_ANSWER)
		return now - c->since > may;
	return now - c->last > may || now - c->since > may + c->moved / 1024 * KIB_NS;
}

void http_turn(void)
{
	struct conn *next;

	for (struct conn *c = waiting.restless; c; c = next) {
		next = c->restless;
		if (c->state != CONN_ANSWER || !output_stalled(c))
			unqueue(c);
	}
	if (tasks())
		tasks()->turn();
}
