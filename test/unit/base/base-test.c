/* SPDX-License-Identifier: Apache-2.0 */
/* base: errors, checked arithmetic, cursors, the state walk, timers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checked.h"
#include "cursor.h"
#include "err.h"
#include "state.h"
#include "timer.h"

static void err_is_filled_and_bounded(void **unused)
{
	struct ukvmm_err err = { .size = sizeof err };
	char longer[400];

	(void)unused;
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	assert_int_equal(err_set(&err, -EIO, "KVM_RUN", "vm0", "%s", longer), -EIO);
	assert_int_equal(err.code, -EIO);
	assert_string_equal(err.call, "KVM_RUN");
	assert_string_equal(err.object, "vm0");
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	assert_int_equal(err.size, sizeof err);
	assert_int_equal(err_set(NULL, -EPERM, "a", "b", "c"), -EPERM);
}

static void err_of_a_smaller_size_stays_inside(void **unused)
{
	struct {
		struct ukvmm_err err;
		uint8_t guard[8];
	} s = { .err.size = 40, .guard = "guarded" };

	(void)unused;
	memset(s.err.object, 0x55, sizeof s.err.object);
	err_set(&s.err, -ENOMEM, "call", "object", "text");
	assert_int_equal(s.err.code, -ENOMEM);
	assert_int_equal((uint8_t)s.err.object[0], 0x55);
	s.err.size = 0;
	s.err.code = 7;
	err_set(&s.err, -ENOMEM, "call", "object", "text");
	assert_int_equal(s.err.code, 7);
	assert_string_equal((char *)s.guard, "guarded");
}

static void ranges_do_not_wrap(void **unused)
{
	uint64_t v;

	(void)unused;
	assert_false(out_of(0, 10, 10));
	assert_false(out_of(10, 0, 10));
	assert_true(out_of(1, 10, 10));
	assert_true(out_of(UINT64_MAX, 2, 10));
	assert_true(out_of(2, UINT64_MAX, 10));
	assert_true(overlaps(0, 10, 9, 1));
	assert_false(overlaps(0, 10, 10, 1));
	assert_false(overlaps(5, 0, 0, 10));
	assert_true(align_up_wraps(UINT64_MAX - 5, 4096, &v));
	assert_false(align_up_wraps(4097, 4096, &v));
	assert_int_equal(v, 8192);
}

static void reader_stops_at_the_end(void **unused)
{
	const uint8_t data[] = { 1, 2, 3, 4, 5, 6 };
	struct reader r;

	(void)unused;
	reader_init(&r, data, sizeof data);
	assert_int_equal(reader_u32(&r), 0x04030201);
	assert_int_equal(reader_u32(&r), 0);
	assert_true(r.bad);
	assert_int_equal(reader_u8(&r), 0); /* bad stays bad */
	reader_init(&r, data, sizeof data);
	reader_seek(&r, 7);
	assert_true(r.bad);
	reader_init(&r, data, sizeof data);
	reader_seek(&r, 4);
	assert_null(reader_take(&r, UINT64_MAX));
}

static void writer_stops_at_the_end(void **unused)
{
	uint8_t buf[6] = { 0 };
	struct writer w;

	(void)unused;
	writer_init(&w, buf, sizeof buf);
	writer_u32(&w, 0x04030201);
	assert_false(w.bad);
	writer_u32(&w, 1);
	assert_true(w.bad);
	assert_int_equal(w.len, 4);
	assert_int_equal(buf[4], 0);
}

struct part {
	uint32_t a;
	uint64_t b;
};

static int part_walk(struct part *p, struct ukvmm_state *s)
{
	uint32_t version = 3;

	state_begin(s, "part", &version);
	state_field(s, p->a);
	state_field(s, p->b);
	if (s->loading && version != 3)
		return state_fail(s, -EINVAL);
	return state_end(s);
}

static void walk_goes_both_ways(void **unused)
{
	struct part p = { 7, 1ull << 40 }, q = { 0, 0 };
	struct ukvmm_state save, load;

	(void)unused;
	state_save_init(&save);
	assert_int_equal(part_walk(&p, &save), 0);
	assert_int_equal(part_walk(&p, &save), 0);
	state_load_init(&load, save.buf, save.len);
	assert_int_equal(part_walk(&q, &load), 0);
	assert_int_equal(q.a, 7);
	assert_true(q.b == p.b);
	assert_int_equal(part_walk(&q, &load), 0);
	assert_int_equal(part_walk(&q, &load), -EINVAL); /* nothing left */
	state_fini(&load);
	state_fini(&save);
}

/* Every byte of a saved walk, changed, and every shorter length: no crash, and lengths are held. */
static void walk_of_bad_bytes_fails_cleanly(void **unused)
{
	struct part p = { 7, 9 }, q;
	struct ukvmm_state save, load;

	(void)unused;
	state_save_init(&save);
	part_walk(&p, &save);
	for (size_t len = 0; len < save.len; len++) {
		state_load_init(&load, save.buf, len);
		assert_int_equal(part_walk(&q, &load), -EINVAL);
		assert_string_equal(load.section, "part");
	}
	for (size_t i = 0; i < 40; i++) { /* name, version, length */
		save.buf[i] ^= 0x80;
		state_load_init(&load, save.buf, save.len);
		assert_int_equal(part_walk(&q, &load), -EINVAL);
		save.buf[i] ^= 0x80;
	}
	state_fini(&save);
}

static void walk_outside_a_section_is_refused(void **unused)
{
	struct ukvmm_state s;
	uint32_t v = 1;

	(void)unused;
	state_save_init(&s);
	assert_int_equal(state_field(&s, v), -EBADFD);
	assert_int_equal(state_begin(&s, "x", &v), -EBADFD); /* sticky */
	state_fini(&s);
}

static void timers_come_in_order(void **unused)
{
	enum { N = 201 };
	struct timer t[N] = { 0 };
	struct timers heap = { 0 };
	uint64_t last = 0;
	int n = 0;

	(void)unused;
	srand(1);
	assert_int_equal(timers_reserve(&heap, N), 0);
	for (int i = 0; i < N; i++)
		timers_set(&heap, &t[i], 1 + (uint64_t)(rand() % 1000));
	for (int i = 0; i < N; i += 3)
		timers_set(&heap, &t[i], 1 + (uint64_t)(rand() % 1000)); /* move */
	for (int i = 1; i < N; i += 3)
		timers_set(&heap, &t[i], 0); /* disarm */
	timers_set(&heap, &t[1], 0);	     /* twice is nothing */
	for (struct timer *first; (first = timers_pop(&heap, 2000)); n++) {
		assert_true(first->index == 0);
		assert_int_not_equal((first - t) % 3, 1);
	}
	assert_int_equal(n, N - N / 3);
	for (int i = 0; i < N; i++)
		timers_set(&heap, &t[i], 1 + (uint64_t)(rand() % 1000));
	while (timers_next(&heap)) {
		uint64_t next = timers_next(&heap);

		assert_null(timers_pop(&heap, next - 1));
		assert_true(next >= last);
		last = next;
		assert_non_null(timers_pop(&heap, next));
	}
	timers_fini(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_is_filled_and_bounded),
		cmocka_unit_test(err_of_a_smaller_size_stays_inside),
		cmocka_unit_test(ranges_do_not_wrap),
		cmocka_unit_test(reader_stops_at_the_end),
		cmocka_unit_test(writer_stops_at_the_end),
		cmocka_unit_test(walk_goes_both_ways),
		cmocka_unit_test(walk_of_bad_bytes_fails_cleanly),
		cmocka_unit_test(walk_outside_a_section_is_refused),
		cmocka_unit_test(timers_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
