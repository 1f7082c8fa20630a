/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the heap: its blocks, for the calls that change one where it is. Sizes are in units of 16 bytes. */
#ifndef RT_HEAP_BLOCK_H
#define RT_HEAP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNIT = 16, LEAST = 2, BINS = 128 };

struct block {
	uint32_t size, before; /* in units, heads included; before: 0 for the first */
	uint64_t guard;
	struct block *next, *prev; /* of what is free only */
};

struct heap {
	uintptr_t at, end, fresh; /* at: behind the last block; fresh: above it nothing was ever given */
	struct block *last;
	uint64_t secret, filled[BINS / 64];
	struct block *bin[BINS];
};
extern struct heap heap;

void heap_sign(struct block *b, bool used);
bool heap_is_used(const struct block *b);
struct block *heap_behind(const struct block *b);
void heap_unhang(struct block *b);
/* The size changed: who is behind has to know. */
void heap_tell_behind(struct block *b);
/* Leaves `size` units to b, which is in use; the rest is free again. */
void heap_cut(struct block *b, uint32_t size);
/* Units of a block with room for n bytes; 0: more than there can be. */
uint32_t heap_units(size_t n);
/* Of what malloc gave; anything else is a panic. */
struct block *heap_block_of(void *p);

#endif
