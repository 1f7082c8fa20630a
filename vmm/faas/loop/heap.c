/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <stddef.h>

/* Both are roots, or NULL. */
static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->at < a->at) {
		struct loop_timer *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

static struct loop_timer *pop(struct loop_timer **list)
{
	struct loop_timer *t = *list;

	if (!t)
		return NULL;
	*list = t->next;
	t->next = t->prev = NULL;
	return t;
}

/* Siblings become one heap: in pairs from the left, then all from the right. */
static struct loop_timer *combine(struct loop_timer *list)
{
	struct loop_timer *pairs = NULL, *root = NULL, *pair, *first;

	while ((first = pop(&list))) {
		pair = meld(first, pop(&list));
		pair->next = pairs;
		pairs = pair;
	}
	while ((pair = pop(&pairs)))
		root = meld(root, pair);
	return root;
}

void heap_insert(struct loop_timer **root, struct loop_timer *timer)
{
	timer->child = timer->next = timer->prev = NULL;
	*root = meld(*root, timer);
}

void heap_remove(struct loop_timer **root, struct loop_timer *timer)
{
	struct loop_timer *below = combine(timer->child);

	timer->child = NULL;
	if (timer == *root) {
		*root = below;
		return;
	}
	if (timer->prev->child == timer)
		timer->prev->child = timer->next;
	else
		timer->prev->next = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	timer->next = timer->prev = NULL;
	*root = meld(*root, below);
}
