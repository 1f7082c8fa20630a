/* SPDX-License-Identifier: Apache-2.0 */
/* mem: the one checked function from guest addresses to pointers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

#define GAP_START 0x400000ull
#define GAP_END 0x10000000ull
#define BYTES 0x600000ull /* 4 MiB below the gap, 2 above */

static int setup(void **state)
{
	static struct mem mem;

	if (mem_reserve(&mem, BYTES, GAP_START, GAP_END) || mem_back(&mem, MEM_HUGE_OFF))
		return -1;
	*state = &mem;
	return 0;
}

static int teardown(void **state)
{
	mem_fini(*state);
	return 0;
}

static void pointer_only_wholly_inside_one_region(void **state)
{
	struct mem *m = *state;

	assert_ptr_equal(mem_ptr(m, 0, 1), m->base);
	assert_ptr_equal(mem_ptr(m, GAP_START - 1, 1), m->base + GAP_START - 1);
	assert_ptr_equal(mem_ptr(m, GAP_END, BYTES - GAP_START), m->base + GAP_START);
	assert_null(mem_ptr(m, 0, 0));
	assert_null(mem_ptr(m, GAP_START - 1, 2));		      /* into the gap */
	assert_null(mem_ptr(m, GAP_START, 1));
	assert_null(mem_ptr(m, GAP_END - 1, 1));
	assert_null(mem_ptr(m, 0, GAP_END + 1));		      /* across it, both ends RAM */
	assert_null(mem_ptr(m, GAP_END, BYTES - GAP_START + 1));      /* past the end */
	assert_null(mem_ptr(m, UINT64_MAX, 1));
	assert_null(mem_ptr(m, UINT64_MAX, UINT64_MAX));
	assert_null(mem_ptr(m, 1, UINT64_MAX));
	assert_null(mem_ptr(m, GAP_END + 1, UINT64_MAX - GAP_END));
}

static void copies_are_checked(void **state)
{
	struct mem *m = *state;
	uint64_t v = 0x1122334455667788, back = 0;

	assert_int_equal(mem_write(m, GAP_END + 8, &v, 8), 0);
	assert_int_equal(mem_read(m, GAP_END + 8, &back, 8), 0);
	assert_true(back == v);
	assert_int_equal(mem_zero(m, GAP_END + 8, 4), 0);
	mem_read(m, GAP_END + 8, &back, 8);
	assert_true(back == 0x1122334400000000);
	assert_int_equal(mem_write(m, GAP_START - 4, &v, 8), -EFAULT);
	assert_int_equal(mem_read(m, GAP_START - 4, &back, 8), -EFAULT);
	assert_int_equal(mem_zero(m, BYTES + GAP_END, 1), -EFAULT);
}

static void memory_given_back_is_gone(void **state)
{
	struct mem *m = *state;

	*(uint8_t *)mem_ptr(m, 4096, 1) = 1;
	assert_true(mem_resident(m) >= 4096);
	mem_drop(m);
	assert_int_equal(mem_resident(m), 0);
	assert_int_equal(*(uint8_t *)mem_ptr(m, 4096, 1), 0);
}

static void mapping_is_reserving_and_backing(void **state)
{
	struct mem m;

	(void)state;
	assert_int_equal(mem_map(&m, 0, GAP_START, GAP_END, MEM_HUGE_OFF), -EINVAL);
	assert_int_equal(mem_map(&m, BYTES, GAP_START, GAP_END, MEM_HUGE_OFF), 0);
	assert_int_equal(m.regions, 2);
	*(uint8_t *)mem_ptr(&m, GAP_END, 1) = 1;
	mem_fini(&m);
}

static void sizes_are_checked(void **state)
{
	struct mem m;

	(void)state;
	assert_int_equal(mem_reserve(&m, 0, GAP_START, GAP_END), -EINVAL);
	assert_int_equal(mem_reserve(&m, 4095, GAP_START, GAP_END), -EINVAL);
	assert_int_equal(mem_reserve(&m, UINT64_MAX - 4095, GAP_START, GAP_END), -EINVAL);
	mem_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointer_only_wholly_inside_one_region),
		cmocka_unit_test(copies_are_checked),
		cmocka_unit_test(memory_given_back_is_gone),
		cmocka_unit_test(mapping_is_reserving_and_backing),
		cmocka_unit_test(sizes_are_checked),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
