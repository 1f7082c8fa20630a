/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's malloc, under other names, on memory of this process: nothing overlaps, what is given back is used again,
 * and what was written over is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "ukvmm_rt.h"

void *fn_malloc(size_t n);
void *fn_calloc(size_t n, size_t size);
void *fn_realloc(void *p, size_t n);
void *fn_aligned_alloc(size_t align, size_t n);
void fn_free(void *p);

enum { ARENA = 8 << 20, BLOCKS = 500, ROUNDS = 200000 };

static uint8_t arena[ARENA] __attribute__((aligned(4096)));
static jmp_buf panicked;
static int expecting;

void rt_panic(const char *fmt, ...)
{
	(void)fmt;
	if (!expecting)
		fail_msg("rt_panic: %s", fmt);
	longjmp(panicked, 1);
}

static uint64_t state = 88172645463325252u;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static struct {
	uint8_t *at;
	size_t len;
	uint8_t fill;
} block[BLOCKS];

static int untouched(uint32_t i)
{
	for (size_t k = 0; k < block[i].len; k++)
		if (block[i].at[k] != block[i].fill)
			return 0;
	return 1;
}

static size_t some_size(void)
{
	uint32_t r = next();

	return r % 16 ? r / 16 % 300 : r / 16 % 60000;
}

static void fill(uint32_t i, void *p, size_t len)
{
	block[i].at = p;
	block[i].len = p ? len : 0;
	block[i].fill = (uint8_t)next();
	if (p)
		memset(p, block[i].fill, len);
}

static void give(uint32_t i)
{
	size_t len = some_size(), align = 1ul << next() % 13;
	uint8_t *p;

	switch (next() % 4) {
	case 0:
		p = fn_aligned_alloc(align, len);
		if (p)
			assert_int_equal((uintptr_t)p % align, 0);
		break;
	case 1:
		p = fn_calloc(len, 1);
		for (size_t k = 0; p && k < len; k++)
			assert_int_equal(p[k], 0);
		break;
	default:
		p = fn_malloc(len);
		break;
	}
	if (p)
		assert_true(p >= arena && p + len <= arena + ARENA && (uintptr_t)p % 16 == 0);
	fill(i, p, len);
}

static void change(uint32_t i)
{
	size_t len = some_size();
	uint8_t *p = fn_realloc(block[i].at, len);

	if (!p)
		return;
	for (size_t k = 0; k < len && k < block[i].len; k++)
		assert_int_equal(p[k], block[i].fill);
	fill(i, p, len);
}

static void at_random(void **unused)
{
	size_t before = heap_left();

	(void)unused;
	for (uint32_t n = 0; n < ROUNDS; n++) {
		uint32_t i = next() % BLOCKS;

		if (!block[i].at) {
			give(i);
		} else if (next() % 4 == 0) {
			change(i);
		} else {
			assert_true(untouched(i));
			fn_free(block[i].at);
			block[i].at = NULL;
		}
	}
	for (uint32_t i = 0; i < BLOCKS; i++) {
		if (block[i].at) {
			assert_true(untouched(i));
			fn_free(block[i].at);
			block[i].at = NULL;
		}
	}
	/* all of it is back, and in one piece */
	assert_int_equal(heap_left(), before);
	assert_non_null(fn_malloc(before - 64));
}

static void sizes_are_kept(void **unused)
{
	size_t before = heap_left();
	uint8_t *a;

	(void)unused;
	a = fn_malloc(33 * 4096);
	assert_non_null(a);
	assert_true(before - heap_left() <= 33 * 4096 + 16);
	fn_free(a);
	assert_int_equal(heap_left(), before);
	assert_null(fn_malloc(ARENA));
	assert_null(fn_malloc(SIZE_MAX));
	assert_null(fn_calloc(SIZE_MAX / 2, 3));
	assert_null(fn_aligned_alloc(4096, SIZE_MAX - 4096));
	assert_null(fn_aligned_alloc(24, 100));
	fn_free(NULL);
}

static void growing_in_place(void **unused)
{
	uint8_t *a = fn_malloc(100), *b;

	(void)unused;
	assert_ptr_equal(fn_realloc(a, 100000), a);
	b = fn_malloc(100);
	assert_ptr_not_equal(fn_realloc(a, 200000), a);
	fn_free(b);
}

static int panics(void *p)
{
	expecting = 1;
	if (!setjmp(panicked)) {
		fn_free(p);
		expecting = 0;
		return 0;
	}
	expecting = 0;
	return 1;
}

static void misuse_is_noticed(void **unused)
{
	uint8_t *a = fn_malloc(40), *b = fn_malloc(40), *c = fn_malloc(40);

	(void)unused;
	assert_true(panics(a + 16));
	fn_free(b);
	assert_true(panics(b));
	a[48] ^= 1; /* the head behind */
	assert_true(panics(a));
	a[48] ^= 1;
	(void)c;
}

static int fresh(void **unused)
{
	(void)unused;
	memset(arena, 0, sizeof arena);
	heap_init((uintptr_t)arena, (uintptr_t)arena + ARENA, 12345);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(at_random, fresh),
		cmocka_unit_test_setup(sizes_are_kept, fresh),
		cmocka_unit_test_setup(growing_in_place, fresh),
		cmocka_unit_test_setup(misuse_is_noticed, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
