/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: sizes are rounded up to powers of two, each with a list of what was given back; new blocks come from the end
 * of the image on. A header of 16 bytes says which list. */
#include <stdlib.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../arch/arch.h"

enum { CLASSES = 40, LEAST = 5, HEADER = 16, MARK = 0x6b6d656d };

struct block {
	uint32_t class, mark;
	struct block *next;
};

extern uint8_t image_end[];
static struct block *lists[CLASSES];
static uintptr_t at, end;

void rt_heap_init(void)
{
	uint64_t top = rt_boot.ram_end < 3ull << 30 ? rt_boot.ram_end : 3ull << 30;

	/* A loader puts the initrd at the top. */
	if (rt_boot.initrd_bytes && rt_boot.initrd >= (uintptr_t)image_end && rt_boot.initrd < top)
		top = rt_boot.initrd;
	at = (uintptr_t)image_end;
	if (top < at)
		rt_panic("too little memory: it ends at %lu MiB", top >> 20);
	end = top;
}

static void *take(size_t align, size_t n)
{
	uintptr_t p = (at + align - 1) & ~(uintptr_t)(align - 1);

	if (p < at || p > end || n > end - p)
		return NULL;
	at = p + n;
	return (void *)p;
}

void *malloc(size_t n)
{
	uint32_t class = LEAST;
	struct block *b;

	if (n > 1ull << (CLASSES - 2))
		return NULL;
	while ((1ull << class) < n + HEADER)
		class++;
	b = lists[class];
	if (b)
		lists[class] = b->next;
	else
		/* large blocks are not rounded where nothing is gained: pages behind n are never touched */
		b = take(16, 1ull << class);
	if (!b)
		return NULL;
	b->class = class;
	b->mark = MARK;
	return (uint8_t *)b + HEADER;
}

void free(void *p)
{
	struct block *b = p ? (void *)((uint8_t *)p - HEADER) : NULL;

	if (!b)
		return;
	if (b->mark != MARK || b->class >= CLASSES)
		rt_panic("free of what malloc did not give");
	b->mark = 0;
	b->next = lists[b->class];
	lists[b->class] = b;
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p = __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

void *realloc(void *p, size_t n)
{
	struct block *b = p ? (void *)((uint8_t *)p - HEADER) : NULL;
	size_t had = b ? (1ull << b->class) - HEADER : 0;
	void *to;

	if (b && n <= had)
		return p;
	to = malloc(n);
	if (to && p) {
		memcpy(to, p, had);
		free(p);
	}
	return to;
}

void *aligned_alloc(size_t align, size_t n)
{
	uint8_t *p = take(align, n);

	return p;
}

unsigned long strtoul(const char *s, char **stop, int base)
{
	unsigned long v = 0;

	if ((!base || base == 16) && s[0] == '0' && s[1] == 'x')
		s += 2, base = 16;
	base = base ? base : 10;
	for (;; s++) {
		int d = *s >= '0' && *s <= '9' ? *s - '0' : (*s | 32) >= 'a' && (*s | 32) <= 'f' ? (*s | 32) - 'a' + 10 : 99;

		if (d >= base)
			break;
		v = v * (unsigned)base + (unsigned)d;
	}
	if (stop)
		*stop = (char *)(uintptr_t)s;
	return v;
}

int atoi(const char *s)
{
	return (int)strtoul(s, NULL, 10);
}
