/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of malloc's family beside malloc and free. */
#include <stdlib.h>
#include <string.h>

#include "heap_block.h"

void *calloc(size_t n, size_t size)
{
	uintptr_t fresh = heap.fresh, at;
	size_t bytes;
	void *p = __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);

	at = (uintptr_t)p;
	if (p && at < fresh)
		memset(p, 0, bytes < fresh - at ? bytes : fresh - at);
	return p;
}

/* Takes from what is free behind a block; false: that is not enough. */
static bool grow(struct block *b, uint32_t size)
{
	struct block *n = heap_behind(b);

	if ((uintptr_t)n == heap.at) {
		if (size - b->size > (heap.end - heap.at) / UNIT)
			return false;
		heap.at += (uintptr_t)(size - b->size) * UNIT;
		if (heap.at > heap.fresh)
			heap.fresh = heap.at;
		b->size = size;
	} else {
		if (heap_is_used(n) || b->size + n->size < size)
			return false;
		heap_unhang(n);
		b->size += n->size;
		heap_tell_behind(b);
	}
	heap_sign(b, true);
	return true;
}

void *realloc(void *p, size_t n)
{
	uint32_t size = heap_units(n);
	struct block *b;
	size_t had;
	void *to;

	if (!p)
		return malloc(n);
	b = heap_block_of(p);
	if (!size)
		return NULL;
	if (size <= b->size || grow(b, size)) {
		heap_cut(b, size);
		return p;
	}
	had = (size_t)(b->size - 1) * UNIT;
	to = malloc(n);
	if (to) {
		memcpy(to, p, had);
		free(p);
	}
	return to;
}

void *aligned_alloc(size_t align, size_t n)
{
	uintptr_t p, to;
	struct block *b, *lead;

	if (align <= UNIT || align & (align - 1))
		return align & (align - 1) ? NULL : malloc(n);
	if (n > SIZE_MAX - align - LEAST * UNIT || !heap_units(n + align))
		return NULL;
	p = (uintptr_t)malloc(n + align + LEAST * UNIT);
	to = (p + align - 1) & ~(uintptr_t)(align - 1);
	if (!p || to == p)
		return (void *)p;
	if (to - p < LEAST * UNIT)
		to += align;
	lead = (struct block *)(p - UNIT);
	b = (struct block *)(to - UNIT);
	*b = (struct block){ .size = lead->size - (uint32_t)((to - p) / UNIT), .before = (uint32_t)((to - p) / UNIT) };
	lead->size = b->before;
	heap_sign(lead, true);
	heap_sign(b, true);
	heap_tell_behind(b);
	free((void *)p);
	heap_cut(b, heap_units(n));
	return (void *)to;
}
