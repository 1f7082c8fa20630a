/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

/* String instructions: one emulated instruction where ring 0 is emulated, instead of one a byte. */
void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

bool starts_with(const char *s, const char *prefix)
{
	return memcmp(s, prefix, strlen(prefix)) == 0;
}

uint16_t le16(const void *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

uint32_t le32(const void *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

uint64_t le64(const void *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

uint32_t be32(const void *p)
{
	return __builtin_bswap32(le32(p));
}

uint64_t be64(const void *p)
{
	return __builtin_bswap64(le64(p));
}

uint8_t sum8(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *b++);
	return sum;
}

bool all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	for (; n && (uintptr_t)b % 8; n--, b++)
		if (*b)
			return false;
	for (; n >= 8; n -= 8, b += 8)
		if (le64(b))
			return false;
	for (; n; n--, b++)
		if (*b)
			return false;
	return true;
}
