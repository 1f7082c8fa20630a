/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes at a time: the sum of ones' complement does not mind how wide its digits are (RFC 1071 §2). */
#include "checksum.h"

#include <string.h>

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

static uint64_t load(const uint8_t *at, uint32_t n)
{
	uint64_t v = 0;

	memcpy(&v, at, n);
	return v;
}

uint16_t checksum_sum(const void *bytes, int len)
{
	const uint8_t *at = bytes;
	uint32_t left = len < 0 ? 0 : (uint32_t)len;
	uint64_t a = 0, b = 0;

	/* two sums, which do not wait for each other's carry */
	for (; left >= 16; left -= 16, at += 16) {
		a = plus(a, load(at, 8));
		b = plus(b, load(at + 8, 8));
	}
	if (left >= 8) {
		a = plus(a, load(at, 8));
		left -= 8;
		at += 8;
	}
	a = plus(plus(a, b), load(at, left));
	a = (a & 0xffffffff) + (a >> 32);
	a = (a & 0xffff) + (a >> 16 & 0xffff) + (a >> 32);
	a = (a & 0xffff) + (a >> 16);
	return (uint16_t)((a & 0xffff) + (a >> 16));
}
