/* SPDX-License-Identifier: Apache-2.0 */
/* Console ring and size-stamped structures, alone. */
#include "../kvm/test.h"

#include <errno.h>
#include <string.h>

#include "console.h"
#include "structs.h"

enum { RING = 256 };

static void console_keeps_order_over_the_edge(void **state)
{
	struct console c;
	uint8_t in = 0, out = 0, buf[100];
	uint64_t lost = 7;

	(void)state;
	assert_int_equal(console_init(&c, 1), 0);
	assert_int_equal(c.size, RING);
	for (uint32_t round = 0; round < 1000; round++) {
		size_t n = 1 + round % sizeof buf;

		for (size_t i = 0; i < n; i++)
			buf[i] = in++;
		console_put(&c, buf, n);
		assert_int_equal(console_waiting(&c), n);
		assert_int_equal(console_take(&c, buf, sizeof buf, &lost), n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf[i], out++);
		assert_int_equal(lost, 0);
	}
	console_fini(&c);
}

static void console_counts_what_does_not_fit(void **state)
{
	uint8_t much[RING + 44], buf[RING + 44];
	uint64_t lost, bytes, total;
	struct console c;

	(void)state;
	for (size_t i = 0; i < sizeof much; i++)
		much[i] = (uint8_t)i;
	assert_int_equal(console_init(&c, RING), 0);
	console_put(&c, much, sizeof much);
	console_put(&c, much, 6);
	assert_int_equal(console_waiting(&c), RING);
	/* the oldest stay: a boot message is worth more than the flood after it */
	assert_int_equal(console_take(&c, buf, 10, NULL), 10); /* does not take the count */
	assert_int_equal(console_take(&c, buf + 10, sizeof buf - 10, &lost), RING - 10);
	assert_memory_equal(buf, much, RING);
	assert_int_equal(lost, 50);
	assert_int_equal(console_take(&c, buf, sizeof buf, &lost), 0);
	assert_int_equal(lost, 0);
	console_totals(&c, &bytes, &total);
	assert_int_equal(bytes, RING);
	assert_int_equal(total, 50);
	console_fini(&c);
}

static void console_sizes(void **state)
{
	struct console c;

	(void)state;
	assert_int_equal(console_init(&c, 0), 0);
	assert_int_equal(c.size, 64 << 10);
	console_fini(&c);
	assert_int_equal(console_init(&c, 5000), 0);
	assert_int_equal(c.size, 8192);
	console_fini(&c);
	console_fini(&c); /* again: nothing */
	assert_int_equal(console_init(&c, (64 << 20) + 1), -EINVAL);
	console_fini(&c);
}

struct known {
	uint32_t size, a;
	uint64_t b;
};

struct newer {
	struct known known;
	uint64_t later;
};

static void structures_come_in(void **state)
{
	struct newer newer = { { sizeof newer, 1, 2 }, 0 };
	struct known known = { sizeof known, 1, 2 }, got;

	(void)state;
	assert_int_equal(struct_take(&got, sizeof got, &known), 0);
	assert_memory_equal(&got, &known, sizeof got);
	assert_int_equal(struct_take(&got, sizeof got, &newer), 0);
	assert_int_equal(got.b, 2);
	newer.later = 1ull << 63;
	assert_int_equal(struct_take(&got, sizeof got, &newer), -E2BIG);
	known.size = 8; /* an older one: b is its default */
	assert_int_equal(struct_take(&got, sizeof got, &known), 0);
	assert_int_equal(got.a, 1);
	assert_int_equal(got.b, 0);
	assert_int_equal(struct_take(&got, sizeof got, NULL), 0);
	assert_int_equal(got.a, 0);
	known.size = 7;
	assert_int_equal(struct_take(&got, sizeof got, &known), -EINVAL);
	known.size = 4097; /* nobody reads that far to find out what is there */
	assert_int_equal(struct_take(&got, sizeof got, &known), -E2BIG);
	known.size = 0xffffffff;
	assert_int_equal(struct_take(&got, sizeof got, &known), -E2BIG);
}

static void structures_go_out(void **state)
{
	const struct known known = { 0, 1, 2 };
	struct newer newer = { { sizeof newer, 9, 9 }, 9 };
	struct known older = { 8, 9, 9 };

	(void)state;
	assert_int_equal(struct_give(&newer, &known, sizeof known), 0);
	assert_int_equal(newer.known.size, sizeof newer); /* stays the caller's */
	assert_int_equal(newer.known.b, 2);
	assert_int_equal(newer.later, 0);
	assert_int_equal(struct_give(&older, &known, sizeof known), 0);
	assert_int_equal(older.a, 1);
	assert_int_equal(older.b, 9); /* past its size: not ours */
	older.size = 4;
	assert_int_equal(struct_give(&older, &known, sizeof known), -EINVAL);
	older.size = 1 << 20;
	assert_int_equal(struct_give(&older, &known, sizeof known), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(console_keeps_order_over_the_edge),
		cmocka_unit_test(console_counts_what_does_not_fit),
		cmocka_unit_test(console_sizes),
		cmocka_unit_test(structures_come_in),
		cmocka_unit_test(structures_go_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
