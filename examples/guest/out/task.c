/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each handle() that is called has a stack of its own; one that returns without having waited leaves it to the next.
 * They go on from http_turn, never from within lwIP, which is not to be entered twice.
 */
#include "task.h"

#include <errno.h>
#include <stdlib.h>

#include "conn.h"
#include "net.h"
#include "ukvmm_rt.h"
#include "wait.h"

#include "../arch/arch.h"

enum { STACK = 128 << 10, LEAST = 4, MOST = 256, MARKS = 256 };
#define MARK 0x7461736b2773206cu
#define PATIENCE_NS 30000000000u

/* Lowest first: the stack grows down to the marks. */
struct task {
	struct task *next, *prev; /* in one of the lists below */
	struct conn *conn;	  /* NULL: the client has left */
	void *goes_on;
	uint64_t until;
	bool waits, late, returned;
	struct fn_response response;
	struct input_aside aside;
	struct http_head head;
	uint64_t mark[MARKS]; /* as much as a frame of some arrays, which may be written here and there only */
	_Alignas(16) char stack[STACK];
};

struct list {
	struct task *first, *last;
};

static struct {
	struct list waiting, ready;
	struct task *now, *spare;
	void *home; /* where the stack that everything else runs on goes on */
	uint64_t earliest; /* nobody's time is up before */
	uint32_t n, most;
} all;

static void put(struct list *l, struct task *t)
{
	t->next = NULL;
	t->prev = l->last;
	*(t->prev ? &t->prev->next : &l->first) = t;
	l->last = t;
}

static void take(struct list *l, struct task *t)
{
	*(t->prev ? &t->prev->next : &l->first) = t->next;
	*(t->next ? &t->next->prev : &l->last) = t->prev;
}

/* The begin of each stack; a task whose handle() has returned is used for another. */
static void run(void)
{
	for (;;) {
		struct task *t = all.now;

		handle(&t->head.request, &t->response);
		t->returned = true;
		rt_switch(&t->goes_on, all.home);
	}
}

static struct task *make(void)
{
	struct task *t = all.n < all.most ? aligned_alloc(16, sizeof *t) : NULL;

	if (!t)
		return NULL;
	all.n++;
	for (uint32_t i = 0; i < MARKS; i++)
		t->mark[i] = MARK;
	t->goes_on = rt_stack(t->stack + STACK, run);
	return t;
}

static void keep(struct task *t)
{
	if (!all.spare) {
		all.spare = t;
		return;
	}
	free(t);
	all.n--;
}

static bool is_overrun(const struct task *t)
{
	uint64_t other = 0;

	for (uint32_t i = 0; i < MARKS; i++)
		other |= t->mark[i] ^ MARK;
	return other;
}

static void go_on(struct task *t)
{
	all.now = t;
	rt_switch(&all.home, t->goes_on);
	all.now = NULL;
	if (is_overrun(t))
		rt_panic("handle() has used more than the %u KiB of its stack", STACK >> 10);
}

static uint32_t most(void)
{
	const char *word = rt_arg("http.handles");
	uint64_t n = word ? strtoul(word, NULL, 10) : rt_memory_left() / 4 / sizeof(struct task);

	n = n < LEAST && !word ? LEAST : n > MOST ? MOST : n;
	return n ? (uint32_t)n : 1;
}

static struct http_head *head(void)
{
	if (!all.most)
		all.most = most();
	if (!all.spare)
		all.spare = make();
	return all.spare ? &all.spare->head : NULL;
}

static struct task *call(struct conn *c, struct http_head *other, struct fn_response *response,
	struct input_aside **aside)
{
	struct task *t = all.spare;

	all.spare = NULL;
	if (other)
		t->head = *other;
	t->conn = c;
	t->response = *response;
	t->aside = (struct input_aside){ NULL, 0, NULL };
	t->returned = false;
	go_on(t);
	if (!t->returned) {
		*aside = &t->aside;
		return t;
	}
	*response = t->response;
	keep(t);
	return NULL;
}

static void forget(struct task *t)
{
	t->conn = NULL;
}

/* handle() has returned, having waited. */
static void end(struct task *t)
{
	bool head_only = fn_is(t->head.request.method, "HEAD");
	struct fn_response response = t->response;
	struct conn *c = t->conn;

	input_forget(&t->aside);
	keep(t);
	if (c)
		conn_answered(c, &response, head_only);
	else if (response.release)
		response.release(response.arg);
}

/* Those whose time is up wait no more. */
static void look_at_clock(void)
{
	uint64_t now = rt_now();
	struct task *next;

	if (now >= all.earliest) {
		all.earliest = UINT64_MAX;
		for (struct task *t = all.waiting.first; t; t = next) {
			next = t->next;
			t->late = t->until <= now;
			if (t->late)
				task_wake(t);
			else if (t->until < all.earliest)
				all.earliest = t->until;
		}
	}
	net_wake(all.earliest);
}

/* Those that are ready now, once each: one that is ready again at once must not keep frames waiting. */
static void turn(void)
{
	struct task *last, *t;
	struct conn *c;

	net_wake(lookup_turn());
	look_at_clock();
	last = all.ready.last;
	do {
		t = all.ready.first;
		if (!t)
			break;
		take(&all.ready, t);
		go_on(t);
		if (t->returned)
			end(t);
	} while (t != last);
	while ((c = conn_first_turn()) && head())
		conn_its_turn(c);
}

/* Seen by the linker script only if something here is called that waits. */
#ifdef RT_HOST
const struct tasks tasks_at
#else
static const struct tasks ops __attribute__((section(".ukvmm.tasks"), used))
#endif
	= { head, call, forget, turn };

struct task *task_now(void)
{
	return all.now;
}

bool task_wait(uint64_t until)
{
	struct task *t = all.now;

#ifndef RT_HOST
	__asm__ volatile("" : : "r"(&ops));
#endif
	if (until <= rt_now())
		return false;
	t->until = until;
	t->waits = true;
	t->late = false;
	put(&all.waiting, t);
	if (until < all.earliest)
		all.earliest = until;
	net_wake(until);
	rt_switch(&t->goes_on, all.home);
	return !t->late;
}

void task_wake(struct task *t)
{
	if (!t || !t->waits)
		return;
	t->waits = false;
	take(&all.waiting, t);
	put(&all.ready, t);
	net_wake(0);
}

uint64_t task_until(uint64_t until)
{
	return until ? until : rt_now() + PATIENCE_NS;
}
