/* SPDX-License-Identifier: Apache-2.0 */
/* A queue's chains and segments: lists of free ones, and what was never used behind `fresh`. */
#include "dev.h"

#include <string.h>

struct ukvmm_chain *chain_take(struct ukvmm_queue *q)
{
	uint32_t at = q->free_chains.list;

	if (at == POOL_NONE)
		return &q->pool->chain[q->free_chains.fresh++];
	q->free_chains.list = q->pool->chain[at].next_free;
	return &q->pool->chain[at];
}

void chain_put(struct ukvmm_chain *chain)
{
	struct ukvmm_queue *q = chain->queue;

	chain->held = false;
	chain->next_free = q->free_chains.list;
	q->free_chains.list = (uint32_t)(chain - q->pool->chain);
}

uint32_t segment_take(struct ukvmm_queue *q)
{
	struct pool_free *f = &q->free_segments;
	uint32_t at = f->list;

	if (at != POOL_NONE)
		f->list = q->pool->segment[at].next;
	else if (f->fresh < POOL_SEGMENTS)
		at = f->fresh++;
	return at;
}

void chain_drop_segments(struct ukvmm_chain *chain)
{
	struct ukvmm_queue *q = chain->queue;

	if (chain->first == POOL_NONE)
		return;
	q->pool->segment[chain->last].next = q->free_segments.list;
	q->free_segments.list = chain->first;
	chain->first = chain->last = POOL_NONE;
}

void queue_forget(struct ukvmm_queue *q)
{
	/* A late push of one of them is to find nothing to do. */
	for (uint32_t i = 0; i < q->free_chains.fresh; i++)
		q->pool->chain[i].held = false;
	q->free_segments = q->free_chains = (struct pool_free){ POOL_NONE, 0 };
	q->in_flight = 0;
	memset(q->busy, 0, sizeof q->busy);
}
