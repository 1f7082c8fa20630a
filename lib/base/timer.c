/* SPDX-License-Identifier: Apache-2.0 */
#include "timer.h"

#include <errno.h>
#include <stdlib.h>

void timers_fini(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}

int timers_reserve(struct timers *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 16;
	struct timer **heap;

	while (cap < n)
		cap *= 2;
	if (cap == t->cap)
		return 0;
	heap = realloc(t->heap, cap * sizeof *heap);
	if (!heap)
		return -ENOMEM;
	t->heap = heap;
	t->cap = cap;
	return 0;
}

static void place(struct timers *t, size_t i, struct timer *timer)
{
	t->heap[i] = timer;
	timer->index = i + 1;
}

static void sift(struct timers *t, size_t i, struct timer *timer)
{
	while (i && t->heap[(i - 1) / 2]->deadline > timer->deadline) {
		place(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < t->len && t->heap[child + 1]->deadline < t->heap[child]->deadline)
			child++;
		if (child >= t->len || t->heap[child]->deadline >= timer->deadline)
			break;
		place(t, i, t->heap[child]);
		i = child;
	}
	place(t, i, timer);
}

void timers_set(struct timers *t, struct timer *timer, uint64_t deadline)
{
	size_t i = timer->index ? timer->index - 1 : t->len;

	timer->deadline = deadline;
	if (deadline) {
		if (!timer->index)
			t->len++;
		sift(t, i, timer);
	} else if (timer->index) {
		struct timer *last = t->heap[--t->len];

		timer->index = 0;
		if (last != timer)
			sift(t, i, last);
	}
}

uint64_t timers_next(const struct timers *t)
{
	return t->len ? t->heap[0]->deadline : 0;
}

struct timer *timers_pop(struct timers *t, uint64_t now)
{
	struct timer *first = t->len ? t->heap[0] : NULL;

	if (!first || first->deadline > now)
		return NULL;
	timers_set(t, first, 0);
	return first;
}
