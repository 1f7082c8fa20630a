/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on numbers from outside. Every check has the form: true means "does not fit". */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool add_wraps(uint64_t a, uint64_t b, uint64_t *sum)
{
	return __builtin_add_overflow(a, b, sum);
}

/* The largest number there is, where the sum has no place. */
static inline uint64_t add_most(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return add_wraps(a, b, &sum) ? UINT64_MAX : sum;
}

static inline bool mul_wraps(uint64_t a, uint64_t b, uint64_t *product)
{
	return __builtin_mul_overflow(a, b, product);
}

/* Is [off, off + len) outside of [0, size)? An empty range at the end is inside. */
static inline bool out_of(uint64_t off, uint64_t len, uint64_t size)
{
	return off > size || len > size - off;
}

/* Do [a, a + alen) and [b, b + blen) share a byte? The ranges must not wrap. */
static inline bool overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return alen && blen && a < b + blen && b < a + alen;
}

/* to: a power of two. */
static inline bool align_up_wraps(uint64_t v, uint64_t to, uint64_t *aligned)
{
	if (add_wraps(v, to - 1, aligned))
		return true;
	*aligned &= ~(to - 1);
	return false;
}

static inline uint64_t align_down(uint64_t v, uint64_t to)
{
	return v & ~(to - 1);
}

#endif
