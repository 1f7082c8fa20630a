/* SPDX-License-Identifier: Apache-2.0 */
/* The clock: what Unikraft, Hermit and Linux read, and times that a guest sets. */
#include "fixture.h"

#include <time.h>

#include "calendar.h"

enum { INDEX = 0x70, DATA = 0x71 };
enum { SEC, MIN = 2, HOUR = 4, WDAY = 6, DAY, MONTH, YEAR, A, B, C, D, CENTURY = 0x32 };

#define S 1000000000ull

static uint8_t get(struct fixture *f, uint8_t reg)
{
	out8(f, INDEX, reg);
	return in8(f, DATA);
}

static void set(struct fixture *f, uint8_t reg, uint8_t value)
{
	out8(f, INDEX, reg);
	out8(f, DATA, value);
}

static void expect(struct fixture *f, uint8_t year, uint8_t month, uint8_t day, uint8_t hour,
	uint8_t min, uint8_t sec)
{
	assert_int_equal(get(f, A) & 0x80, 0);
	assert_int_equal(get(f, SEC), sec);
	assert_int_equal(get(f, MIN), min);
	assert_int_equal(get(f, HOUR), hour);
	assert_int_equal(get(f, DAY), day);
	assert_int_equal(get(f, MONTH), month);
	assert_int_equal(get(f, YEAR), year);
}

static void shows_the_time_in_bcd(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, B) & 0x06, 0x02); /* 24 hours, BCD */
	assert_int_equal(get(f, D), 0x80);
	expect(f, 0x26, 0x03, 0x09, 0x12, 0x34, 0x56);
	assert_int_equal(get(f, WDAY), 2); /* Monday; Sunday is 1 */
	assert_int_equal(get(f, CENTURY), 0x20);
	assert_int_equal(get(f, 0x37), 0x20);
	assert_int_equal(in8(f, INDEX), 0xff);
	f->now += 5 * S;
	expect(f, 0x26, 0x03, 0x09, 0x12, 0x35, 0x01);
}

static void shows_binary_and_twelve_hours(void **state)
{
	static const uint8_t hours[][2] = { { 0, 12 }, { 1, 1 }, { 11, 11 }, { 12, 0x8c },
		{ 13, 0x81 }, { 23, 0x8b } };
	struct fixture *f = *state;

	set(f, B, 0x06);
	expect(f, 26, 3, 9, 12, 34, 56);
	set(f, B, 0x04);
	for (uint32_t i = 0; i < sizeof hours / sizeof *hours; i++) {
		f->realtime = FIXTURE_REALTIME + (hours[i][0] - 12) * 3600;
		get(f, A);
		assert_int_equal(get(f, HOUR), hours[i][1]);
	}
	set(f, B, 0x00);
	assert_int_equal(get(f, HOUR), 0x91); /* 11 pm */
}

/* Linux's order: SET, the registers, SET off. */
static void a_set_time_runs_on(void **state)
{
	struct fixture *f = *state;

	set(f, B, 0x82);
	set(f, YEAR, 0x30);
	set(f, MONTH, 0x12);
	set(f, DAY, 0x31);
	f->now += 100 * S; /* stands still meanwhile */
	set(f, HOUR, 0x23);
	set(f, MIN, 0x59);
	set(f, SEC, 0x58);
	assert_int_equal(get(f, SEC), 0x58);
	set(f, B, 0x02);
	expect(f, 0x30, 0x12, 0x31, 0x23, 0x59, 0x58);
	f->now += 2 * S;
	expect(f, 0x31, 0x01, 0x01, 0x00, 0x00, 0x00);
	assert_int_equal(get(f, WDAY), 4); /* Wednesday */
	set(f, CENTURY, 0x19);
	assert_int_equal(get(f, YEAR), 0x31);
	assert_int_equal(get(f, CENTURY), 0x19);
	assert_int_equal(get(f, WDAY), 5); /* 1 January 1931 was a Thursday */
}

static void a_single_register_may_be_set_without_freezing(void **state)
{
	struct fixture *f = *state;

	set(f, MIN, 0x10);
	expect(f, 0x26, 0x03, 0x09, 0x12, 0x10, 0x56);
	set(f, YEAR, 0x27);
	expect(f, 0x27, 0x03, 0x09, 0x12, 0x10, 0x56);
	set(f, YEAR, 0x26);
	set(f, WDAY, 7); /* follows from the date here */
	assert_int_equal(get(f, WDAY), 2);
	f->now += 60 * S;
	expect(f, 0x26, 0x03, 0x09, 0x12, 0x11, 0x56);
}

static void set_in_twelve_hours_binary(void **state)
{
	struct fixture *f = *state;

	set(f, B, 0x84);
	set(f, HOUR, 0x80 | 12);
	set(f, B, 0x04);
	set(f, B, 0x06);
	assert_int_equal(get(f, HOUR), 12);
	set(f, B, 0x84);
	set(f, HOUR, 12);
	set(f, B, 0x06);
	assert_int_equal(get(f, HOUR), 12); /* the hour's format is the one at the end of SET */
	set(f, B, 0x84);
	set(f, HOUR, 12);
	set(f, B, 0x04);
	set(f, B, 0x06);
	assert_int_equal(get(f, HOUR), 0);
}

/* A read that starts with status A sees no roll-over, even a slow one. */
static void one_reading_does_not_tear(void **state)
{
	struct fixture *f = *state;

	f->realtime = FIXTURE_REALTIME - 56 + 25 * 60 + 59; /* 12:59:59 */
	f->now = S - 5000000;
	assert_int_equal(get(f, A) & 0x80, 0);
	assert_int_equal(get(f, SEC), 0x59);
	f->now += 8000000; /* into the next second */
	assert_int_equal(get(f, MIN), 0x59);
	assert_int_equal(get(f, HOUR), 0x12);
	f->now += 3000000;
	assert_int_equal(get(f, SEC), 0x00);
	assert_int_equal(get(f, HOUR), 0x13);
	f->now += S - 5000000;
	get(f, SEC);
	f->now += S / 1000;
	assert_int_equal(get(f, A), 0x26); /* starts anew */
}

static void ram_keeps_bytes_and_status_is_read_only(void **state)
{
	struct fixture *f = *state;

	for (uint32_t reg = 0; reg < 128; reg++) {
		if (reg <= D || reg == CENTURY || reg == 0x37)
			continue;
		set(f, (uint8_t)reg, (uint8_t)(reg ^ 0xa5));
	}
	for (uint32_t reg = 0; reg < 128; reg++) {
		if (reg <= D || reg == CENTURY || reg == 0x37)
			continue;
		assert_int_equal(get(f, (uint8_t)(reg | 0x80)), reg ^ 0xa5); /* bit 7: NMI mask */
	}
	set(f, A, 0xff);
	assert_int_equal(get(f, A), 0x7f);
	set(f, C, 0xff);
	assert_int_equal(get(f, C), 0);
	set(f, D, 0);
	assert_int_equal(get(f, D), 0x80);
	set(f, 1, 0x33); /* alarm: only kept */
	assert_int_equal(get(f, 1), 0x33);
}

/* A boot loops while bit 7 of status A is set: no sequence of writes may get it there. */
static void garbage_gives_some_time_and_never_an_update(void **state)
{
	struct fixture *f = *state;
	struct legacy_end end;
	uint32_t v;

	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t r = fixture_random(f);

		if (r & 1)
			set(f, r >> 8 & 0x3f, (uint8_t)(r >> 16));
		else if (r & 2)
			get(f, r >> 8 & 0x7f);
		else
			assert_true(port_write(f, INDEX, 2, r >> 8, &end));
		assert_true(port_read(f, INDEX, 4, &v));
		f->now += r % 40000000;
		assert_int_equal(get(f, A) & 0x80, 0);
		assert_true(f->board.rtc.offset < 1ll << 40 && f->board.rtc.offset > -(1ll << 40));
	}
}

/* Against the C library's calendar, over the days of 800 years. */
static void calendar_agrees_with_libc(void **state)
{
	(void)state;
	for (int64_t t = -62167219200ll; t < 64060588800ll; t += 86400 * 3 + 3601) {
		time_t lib = (time_t)t;
		struct calendar c;
		struct tm tm;

		calendar_from_time(&c, t);
		assert_non_null(gmtime_r(&lib, &tm));
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.weekday, tm.tm_wday);
		assert_int_equal(c.hour * 3600 + c.minute * 60 + c.second,
			tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
		assert_true(calendar_to_time(&c) == t);
	}
}

static void calendar_takes_fields_out_of_range(void **state)
{
	struct calendar c = {
		.year = 2026, .month = 13, .day = 32, .hour = 24, .minute = 60, .second = 60
	};

	(void)state;
	assert_true(calendar_to_time(&c) == 1801530060ll); /* 2027-02-02 01:01:00 */
	c = (struct calendar){ .year = 2026 };		   /* month and day 0: 2025-11-30 */
	assert_true(calendar_to_time(&c) == 1764460800ll);
	calendar_from_time(&c, INT64_MIN);
	assert_int_equal(c.year, 0);
	assert_int_equal(c.month, 1);
	assert_int_equal(c.day, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define NONE(t) cmocka_unit_test_setup_teardown(t, setup_none, teardown)
		NONE(shows_the_time_in_bcd),
		NONE(shows_binary_and_twelve_hours),
		NONE(a_set_time_runs_on),
		NONE(a_single_register_may_be_set_without_freezing),
		NONE(set_in_twelve_hours_binary),
		NONE(one_reading_does_not_tear),
		NONE(ram_keeps_bytes_and_status_is_read_only),
		NONE(garbage_gives_some_time_and_never_an_update),
		cmocka_unit_test(calendar_agrees_with_libc),
		cmocka_unit_test(calendar_takes_fields_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
