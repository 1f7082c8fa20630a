/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc: blocks lie one behind the other from the end of the image on, each behind a head that says how long it is and
 * how long the one before it is, so that neighbours that are free become one. What is free hangs in lists by its size,
 * four for each power of two; what is free at the end is given back to the rest, which was never touched or is not
 * needed any more. The guard of a head depends on all of it and on where it is: writing over one ends the guest at the
 * next free of a neighbour.
 */
#include "heap.h"

#include <stdlib.h>
#include <string.h>

#include <ukvmm_rt.h>

#include "heap_block.h"

enum { LOOK = 4 };

struct heap heap;

static uint64_t mark(const struct block *b, bool used)
{
	uint64_t v = (uint64_t)b->before << 32 | b->size;

	return ((uintptr_t)b + used) * 0x9e3779b97f4a7c15u ^ v * 0xff51afd7ed558ccdu ^ heap.secret;
}

void heap_sign(struct block *b, bool used)
{
	b->guard = mark(b, used);
}

bool heap_is_used(const struct block *b)
{
	if (b->guard != mark(b, true) && b->guard != mark(b, false))
		rt_panic("the heap was overwritten at %p", (const void *)b);
	return b->guard == mark(b, true);
}

struct block *heap_behind(const struct block *b)
{
	return (struct block *)((uintptr_t)b + (uintptr_t)b->size * UNIT);
}

static struct block *before(const struct block *b)
{
	return (struct block *)((uintptr_t)b - (uintptr_t)b->before * UNIT);
}

static uint32_t bin_of(uint32_t size)
{
	uint32_t log = 31 - (uint32_t)__builtin_clz(size);

	return log * 4 + (log >= 2 ? size >> (log - 2) & 3 : size & 1);
}

static void hang(struct block *b)
{
	uint32_t i = bin_of(b->size);

	heap_sign(b, false);
	b->prev = NULL;
	b->next = heap.bin[i];
	if (b->next)
		b->next->prev = b;
	heap.bin[i] = b;
	heap.filled[i / 64] |= 1ull << i % 64;
}

void heap_unhang(struct block *b)
{
	uint32_t i = bin_of(b->size);

	if (b->prev)
		b->prev->next = b->next;
	else
		heap.bin[i] = b->next;
	if (b->next)
		b->next->prev = b->prev;
	if (!heap.bin[i])
		heap.filled[i / 64] &= ~(1ull << i % 64);
}

void heap_tell_behind(struct block *b)
{
	struct block *n = heap_behind(b);
	bool used;

	if ((uintptr_t)n == heap.at) {
		heap.last = b;
		return;
	}
	used = heap_is_used(n);
	n->before = b->size;
	heap_sign(n, used);
}

void heap_cut(struct block *b, uint32_t size)
{
	struct block *rest;

	if (b->size - size < LEAST)
		return;
	rest = (struct block *)((uintptr_t)b + (uintptr_t)size * UNIT);
	*rest = (struct block){ .size = b->size - size, .before = size };
	heap_sign(rest, true);
	heap_tell_behind(rest);
	b->size = size;
	heap_sign(b, true);
	free((uint8_t *)rest + UNIT);
}

/* The first of some of a list that is large enough. */
static struct block *look(uint32_t bin, uint32_t size)
{
	struct block *b = heap.bin[bin];

	for (uint32_t i = 0; b && i < LOOK; i++, b = b->next)
		if (b->size >= size)
			return b;
	return NULL;
}

static struct block *find(uint32_t size)
{
	uint32_t bin = bin_of(size), i = (bin + 1) / 64;
	struct block *b = look(bin, size);
	uint64_t above;

	if (b)
		return b;
	for (above = i < 2 ? heap.filled[i] & ~0ull << (bin + 1) % 64 : 0; !above && ++i < 2;)
		above = heap.filled[i];
	return above ? heap.bin[i * 64 + (uint32_t)__builtin_ctzll(above)] : NULL;
}

static struct block *extend(uint32_t size)
{
	struct block *b = (struct block *)heap.at;

	if (size > (heap.end - heap.at) / UNIT)
		return NULL;
	b->size = size;
	b->before = heap.last ? heap.last->size : 0;
	heap.at += (uintptr_t)size * UNIT;
	heap.last = b;
	return b;
}

uint32_t heap_units(size_t n)
{
	if (n > 1ull << 35)
		return 0;
	n = (n + UNIT - 1) / UNIT + 1;
	return n < LEAST ? LEAST : (uint32_t)n;
}

void *malloc(size_t n)
{
	uint32_t size = heap_units(n);
	struct block *b = size ? find(size) : NULL;

	if (b) {
		if (heap_is_used(b))
			rt_panic("the heap's lists were overwritten at %p", (void *)b);
		heap_unhang(b);
	} else if (!size || !(b = extend(size))) {
		return NULL;
	}
	heap_sign(b, true);
	heap_cut(b, size);
	if (heap.at > heap.fresh)
		heap.fresh = heap.at;
	return (uint8_t *)b + UNIT;
}

struct block *heap_block_of(void *p)
{
	struct block *b = (struct block *)((uintptr_t)p - UNIT);

	if ((uintptr_t)p % UNIT || (uintptr_t)p >= heap.at || b->guard != mark(b, true))
		rt_panic("free of what malloc did not give, or was overwritten: %p", p);
	return b;
}

void free(void *p)
{
	struct block *b, *n;

	if (!p)
		return;
	b = heap_block_of(p);
	n = heap_behind(b);
	b->guard = 0;
	if ((uintptr_t)n != heap.at && !heap_is_used(n)) {
		heap_unhang(n);
		b->size += n->size;
	}
	if (b->before && !heap_is_used(before(b))) {
		n = before(b);
		heap_unhang(n);
		n->size += b->size;
		b = n;
	}
	if ((uintptr_t)heap_behind(b) == heap.at) {
		heap.at = (uintptr_t)b;
		heap.last = b->before ? before(b) : NULL;
		return;
	}
	hang(b);
	heap_tell_behind(b);
}

void heap_init(uintptr_t start, uintptr_t end, uint64_t secret)
{
	memset(&heap, 0, sizeof heap);
	heap.at = (start + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
	heap.end = end;
	heap.fresh = heap.at;
	heap.secret = secret;
}

size_t heap_left(void)
{
	return heap.end - heap.at < 2 * UNIT ? 0 : heap.end - heap.at - UNIT;
}

size_t rt_memory_left(void)
{
	return heap_left();
}
