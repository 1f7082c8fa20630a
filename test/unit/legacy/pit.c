/* SPDX-License-Identifier: Apache-2.0 */
/* The 8254 on a clock that the test moves: modes and reading by the 82C54 data sheet, interrupts as
 * guests program them. */
#include "fixture.h"

enum { CH0 = 0x40, CH2 = 0x42, CONTROL = 0x43, PORT61 = 0x61, HZ = 1193182 };

/* The first nanosecond of a tick after `start`. */
static uint64_t at(uint64_t start, uint64_t tick)
{
	return start + (tick * 1000000000ull + HZ - 1) / HZ;
}

static void load(struct fixture *f, uint8_t channel, uint8_t control, uint16_t count)
{
	out8(f, CONTROL, (uint8_t)(channel << 6 | 0x30 | control));
	out8(f, CH0 + channel, (uint8_t)count);
	out8(f, CH0 + channel, (uint8_t)(count >> 8));
}

static uint16_t count_of(struct fixture *f, uint8_t channel)
{
	uint8_t low;

	out8(f, CONTROL, (uint8_t)(channel << 6));
	low = in8(f, CH0 + channel);
	return (uint16_t)(low | in8(f, CH0 + channel) << 8);
}

static uint8_t status_of(struct fixture *f, uint8_t channel)
{
	out8(f, CONTROL, (uint8_t)(0xe0 | 2 << channel));
	return in8(f, CH0 + channel);
}

static bool out_of_2(struct fixture *f)
{
	return in8(f, PORT61) & 0x20;
}

/* Channel 0's line, as the PIC has seen it. */
static bool take_tick(struct fixture *f)
{
	bool ticked = f->board.pic.chip[0].irr & 1;

	f->board.pic.chip[0].irr &= 0xfe;
	return ticked;
}

static void idle_until_programmed(void **state)
{
	struct fixture *f = *state;

	f->now = 12345678901;
	legacy_timer(&f->board);
	for (uint16_t port = CH0; port < CONTROL; port++)
		assert_int_equal(in8(f, port), 0);
	out8(f, CH0 + 2, 0x12); /* a count without a control word */
	out8(f, CH0 + 2, 0x34);
	out8(f, CONTROL, 0x00);
	out8(f, PORT61, 0x01);
	out8(f, PORT61, 0x00);
	legacy_reset(&f->board);
	assert_int_equal(f->arms, 0);
	assert_int_equal(fixture_advance(f, 10000000000), 0);
}

/* Firmware has chosen a mode for channel 0, and there are guests that never do. */
static void a_count_without_a_control_word_ticks(void **state)
{
	struct fixture *f = *state;

	for (int life = 0; life < 2; life++) {
		out8(f, CH0, 0x34);
		out8(f, CH0, 0x12);
		assert_false(take_tick(f));
		fixture_advance(f, 0x1234 * 1000000000ull / 1193182 + 1000);
		assert_true(take_tick(f));
		legacy_reset(&f->board);
	}
}

static void mode_0_counts_once_and_on(void **state)
{
	struct fixture *f = *state;
	uint64_t start = f->now = 777;

	out8(f, CONTROL, 0x30);
	assert_int_equal(status_of(f, 0), 0x70); /* OUT low, null count */
	out8(f, CH0, 0x10);
	assert_int_equal(f->arms, 0);
	out8(f, CH0, 0x27); /* 10000 */
	assert_true(f->armed == at(start, 10000));
	assert_int_equal(status_of(f, 0), 0x30);
	f->now = at(start, 1);
	assert_int_equal(count_of(f, 0), 9999);
	fixture_advance(f, at(start, 9999) - f->now);
	assert_int_equal(count_of(f, 0), 1);
	assert_false(take_tick(f));
	assert_int_equal(fixture_advance(f, at(start, 10000) - f->now), 1);
	assert_true(take_tick(f));
	assert_int_equal(status_of(f, 0), 0xb0);
	assert_int_equal(count_of(f, 0), 0);
	assert_int_equal(f->armed, 0);
	assert_int_equal(fixture_advance(f, at(start, 10001) - f->now), 0);
	assert_int_equal(count_of(f, 0), 0xffff);
	assert_int_equal(fixture_advance(f, 1000000000), 0);
	assert_false(take_tick(f));
}

static void mode_0_stops_between_two_bytes(void **state)
{
	struct fixture *f = *state;

	load(f, 0, 0, 5000);
	f->now = at(0, 1000);
	out8(f, CH0, 0xff);
	assert_true(f->armed == 0);
	f->now = at(0, 9000);
	assert_int_equal(status_of(f, 0) & 0xc0, 0x40);
	out8(f, CH0, 0x00);
	assert_true(f->armed == at(at(0, 9000), 255));
	assert_int_equal(count_of(f, 0), 255);
}

/* Unikraft and Solo5 sleep by one shots of mode 0 after mode 0. */
static void a_shot_that_ran_out_interrupts_before_the_next(void **state)
{
	struct fixture *f = *state;

	load(f, 0, 0, 100);
	f->now = at(0, 101); /* the host is late to call legacy_timer */
	assert_false(take_tick(f));
	load(f, 0, 0, 100);
	assert_true(take_tick(f));
	assert_true(f->armed == at(at(0, 101), 100));
	f->armed = 0;
	legacy_timer(&f->board); /* and now too early */
	assert_false(take_tick(f));
	assert_true(f->armed == at(at(0, 101), 100));
}

static void mode_2_ticks_for_ever_without_drift(void **state)
{
	struct fixture *f = *state;
	uint64_t start = f->now = 5000000;
	uint32_t ticks = 0;

	load(f, 0, 0x04, 11932); /* 100 Hz */
	for (uint32_t i = 1; i <= 1000; i++) {
		assert_true(f->armed == at(start, 11932ull * i));
		ticks += fixture_advance(f, f->armed - f->now);
		assert_true(take_tick(f));
		assert_int_equal(count_of(f, 0), 11932);
	}
	assert_int_equal(ticks, 1000);
	f->now = at(start, 11932ull * 1000 + 11931);
	assert_int_equal(count_of(f, 0), 1);
	assert_int_equal(status_of(f, 0), 0x34); /* low for the last tick */
	f->now = at(start, 11932ull * 1000 + 11930);
	assert_int_equal(status_of(f, 0), 0xb4);
	out8(f, CONTROL, 0x34); /* a control word stops it */
	assert_int_equal(f->armed, 0);
	assert_int_equal(fixture_advance(f, 1000000000), 0);
}

static void mode_2_takes_a_new_count_after_the_cycle(void **state)
{
	struct fixture *f = *state;

	load(f, 0, 0x04, 1000);
	f->now = at(0, 400);
	out8(f, CH0, 0xd0);
	out8(f, CH0, 0x07);			 /* 2000 */
	assert_int_equal(status_of(f, 0), 0xf4); /* null count: not in force yet */
	assert_int_equal(count_of(f, 0), 600);
	assert_true(f->armed == at(0, 1000));
	assert_int_equal(fixture_advance(f, at(0, 1000) - f->now), 1);
	assert_int_equal(status_of(f, 0), 0xb4);
	assert_int_equal(count_of(f, 0), 2000);
	assert_true(f->armed == at(0, 3000));
}

static void a_count_waits_for_the_cycle_that_is_running(void **state)
{
	struct fixture *f = *state;

	out8(f, PORT61, 0x01);
	load(f, 2, 0x04, 1000);
	f->now = at(0, 400);
	out8(f, CH2, 0xd0);
	out8(f, CH2, 0x07); /* 2000, from 1000 on */
	f->now = at(0, 1500);
	out8(f, CH2, 0xb8);
	out8(f, CH2, 0x0b); /* 3000, from 3000 on */
	f->now = at(0, 2500);
	assert_int_equal(count_of(f, 2), 500);
	f->now = at(0, 3001);
	out8(f, PORT61, 0x00); /* nobody looked in between: 3000 is in force all the same */
	assert_int_equal(status_of(f, 2), 0xb4);
	assert_int_equal(count_of(f, 2), 2999);
}

static void mode_3_is_a_square_counted_by_twos(void **state)
{
	struct fixture *f = *state;
	uint64_t start = f->now;

	out8(f, PORT61, 0x01);
	load(f, 2, 0x06, 10);
	for (uint32_t i = 0; i < 40; i++) {
		f->now = at(start, i);
		assert_int_equal(out_of_2(f), i % 10 < 5);
		assert_int_equal(count_of(f, 2), 10 - i % 5 * 2);
	}
	start = f->now;
	load(f, 2, 0x06, 7); /* odd: high for 4, low for 3 */
	for (uint32_t i = 0; i < 40; i++) {
		static const uint8_t counts[7] = { 6, 4, 2, 0, 6, 4, 2 };

		f->now = at(start, i);
		assert_int_equal(out_of_2(f), i % 7 < 4);
		assert_int_equal(count_of(f, 2), counts[i % 7]);
	}
}

static void mode_3_takes_a_new_count_after_the_half(void **state)
{
	struct fixture *f = *state;

	out8(f, PORT61, 0x01);
	load(f, 2, 0x06, 100);
	f->now = at(0, 10);
	out8(f, CH2, 20);
	out8(f, CH2, 0);
	f->now = at(0, 49);
	assert_true(out_of_2(f));
	f->now = at(0, 50); /* low half of the new one: 10 ticks */
	assert_false(out_of_2(f));
	assert_int_equal(count_of(f, 2), 20);
	f->now = at(0, 59);
	assert_false(out_of_2(f));
	f->now = at(0, 60);
	assert_true(out_of_2(f));
	f->now = at(0, 70);
	assert_false(out_of_2(f));
	out8(f, CH2, 200);
	out8(f, CH2, 0);
	f->now = at(0, 80); /* the end of the cycle */
	assert_true(out_of_2(f));
	f->now = at(0, 179);
	assert_true(out_of_2(f));
	f->now = at(0, 180);
	assert_false(out_of_2(f));
}

static void mode_3_interrupts_at_each_rise(void **state)
{
	struct fixture *f = *state;

	load(f, 0, 0x06, 0); /* 65536: 18.2 Hz */
	assert_true(f->armed == at(0, 65536));
	f->now = at(0, 10000);
	out8(f, CH0, 0x00);
	out8(f, CH0, 0x80); /* from the middle on: 32768 */
	assert_true(f->armed == at(0, 32768 + 16384));
	assert_int_equal(fixture_advance(f, f->armed - f->now), 1);
	assert_true(take_tick(f));
	assert_true(f->armed == at(0, 32768 + 16384 + 32768));
}

static void mode_4_strobes_once(void **state)
{
	struct fixture *f = *state;

	load(f, 0, 0x08, 1000); /* Linux's one-shot clock event */
	assert_int_equal(status_of(f, 0) & 0x80, 0x80);
	assert_true(f->armed == at(0, 1001));
	f->now = at(0, 1000);
	assert_int_equal(status_of(f, 0) & 0x80, 0);
	assert_int_equal(fixture_advance(f, at(0, 1001) - f->now), 1);
	assert_true(take_tick(f));
	assert_int_equal(status_of(f, 0) & 0x80, 0x80);
	assert_int_equal(f->armed, 0);
	out8(f, CH0, 0x64); /* the next event: a count alone */
	out8(f, CH0, 0x00);
	assert_true(f->armed == at(at(0, 1001), 101));
	f->now = f->armed; /* and one more, while this one is due */
	out8(f, CH0, 0x64);
	assert_true(take_tick(f));
	out8(f, CH0, 0x00);
	assert_false(take_tick(f));
}

static void modes_1_and_5_wait_for_the_gate(void **state)
{
	struct fixture *f = *state;
	uint64_t start;

	load(f, 0, 0x02, 100); /* channel 0's gate never rises */
	load(f, 0, 0x0a, 100);
	assert_int_equal(f->arms, 0);

	load(f, 2, 0x02, 100);
	assert_true(out_of_2(f));
	assert_int_equal(status_of(f, 2), 0xf2);
	f->now = start = 1000000;
	out8(f, PORT61, 0x01);
	assert_int_equal(status_of(f, 2), 0x32);
	f->now = at(start, 99);
	assert_false(out_of_2(f));
	assert_int_equal(count_of(f, 2), 1);
	out8(f, PORT61, 0x00); /* a falling gate changes nothing */
	f->now = at(start, 100);
	assert_true(out_of_2(f));
	f->now = start = 2000000;
	out8(f, PORT61, 0x01);
	out8(f, PORT61, 0x00);
	f->now = at(start, 50);
	out8(f, CH2, 200); /* for the next trigger */
	out8(f, CH2, 0);
	f->now = at(start, 100);
	assert_true(out_of_2(f));
	f->now = at(start, 60);
	start = f->now;
	out8(f, PORT61, 0x01); /* retriggers */
	f->now = at(start, 199);
	assert_false(out_of_2(f));
	f->now = at(start, 200);
	assert_true(out_of_2(f));

	out8(f, PORT61, 0x00);
	load(f, 2, 0x0a, 100);
	start = f->now;
	assert_true(out_of_2(f));
	out8(f, PORT61, 0x01);
	f->now = at(start, 99);
	assert_true(out_of_2(f));
	f->now = at(start, 100);
	assert_false(out_of_2(f));
	f->now = at(start, 101);
	assert_true(out_of_2(f));
}

static void a_low_gate_holds_or_restarts(void **state)
{
	struct fixture *f = *state;
	uint64_t start;

	out8(f, PORT61, 0x01);
	load(f, 2, 0x00, 100);
	f->now = at(0, 40);
	out8(f, PORT61, 0x00);
	f->now = start = at(0, 1000);
	assert_int_equal(count_of(f, 2), 60);
	assert_false(out_of_2(f));
	out8(f, PORT61, 0x01);
	f->now = at(start, 59);
	assert_false(out_of_2(f));
	f->now = at(start, 60);
	assert_true(out_of_2(f));

	out8(f, PORT61, 0x00);
	load(f, 2, 0x04, 100); /* mode 2 with the gate low: OUT high, no counting */
	f->now += 1000000;
	assert_true(out_of_2(f));
	assert_int_equal(count_of(f, 2), 100);
	start = f->now;
	out8(f, PORT61, 0x01);
	f->now = at(start, 99);
	assert_false(out_of_2(f));
	out8(f, PORT61, 0x00); /* at once */
	assert_true(out_of_2(f));
	f->now += 12345;
	start = f->now;
	out8(f, PORT61, 0x01); /* from the start */
	assert_int_equal(count_of(f, 2), 100);
	f->now = at(start, 1);
	assert_int_equal(count_of(f, 2), 99);
}

/* Linux (quick_pit_calibrate), Nanos and Hermit: gate on, speaker off, mode 0, read until OUT or by
 * MSB. */
static void calibration_by_port_61_ends(void **state)
{
	struct fixture *f = *state;
	uint32_t polls = 0;
	uint8_t p61;

	p61 = in8(f, PORT61);
	out8(f, PORT61, (p61 & 0xfd) | 1);
	load(f, 2, 0x00, 59659); /* 50 ms */
	while (!(in8(f, PORT61) & 0x20)) {
		f->now += 3000; /* an exit's worth of time */
		assert_true(++polls < 20000);
	}
	assert_true(polls * 3000u >= 49999000 && polls * 3000u <= 50005000);

	load(f, 2, 0x00, 0xffff);
	for (uint8_t msb = 0xff; msb > 0xf0; msb--) {
		for (polls = 0; polls < 1000; polls++) {
			uint8_t low = in8(f, CH2), seen = in8(f, CH2); /* unlatched */

			(void)low;
			if (seen != msb)
				break;
			f->now += 3000;
		}
		assert_in_range(polls, 60, 80); /* 256 ticks are 214 us */
	}
	assert_int_equal(f->arms, 0);
}

static void port_61_keeps_its_bits_and_toggles_refresh(void **state)
{
	struct fixture *f = *state;
	uint32_t toggles = 0;
	uint8_t last = 0;

	out8(f, PORT61, 0xff);
	assert_int_equal(in8(f, PORT61) & 0xcf, 0x0f); /* no NMI sources */
	out8(f, PORT61, 0x00);
	assert_int_equal(in8(f, PORT61) & 0xcf, 0x00);
	f->now = 300ull * 86400 * 1000000000; /* uptime does not matter */
	for (uint32_t i = 0; i < 1000; i++, f->now += 1000) {
		uint8_t now = in8(f, PORT61) & 0x10;

		toggles += now != last;
		last = now;
	}
	assert_in_range(toggles, 65, 67); /* every 15.085 us */
}

static void access_modes_read_and_write_what_they_say(void **state)
{
	struct fixture *f = *state;

	out8(f, CONTROL, 0x90); /* channel 2, low byte, mode 0 */
	out8(f, CH2, 0x34);
	assert_int_equal(in8(f, CH2), 0x34);
	assert_int_equal(in8(f, CH2), 0x34);
	out8(f, CONTROL, 0xa0); /* high byte: the low is zero */
	out8(f, CH2, 0x12);
	assert_int_equal(in8(f, CH2), 0x12);
	out8(f, CONTROL, 0xb0);
	out8(f, CH2, 0x34);
	out8(f, CH2, 0x12);
	assert_int_equal(in8(f, CH2), 0x34);
	assert_int_equal(in8(f, CH2), 0x12);
	assert_int_equal(in8(f, CONTROL), 0xff); /* write-only */
}

static void a_latch_holds_until_read(void **state)
{
	struct fixture *f = *state;

	out8(f, PORT61, 1);
	load(f, 2, 0x04, 0x1234);
	out8(f, CONTROL, 0x80);
	f->now = at(0, 0x34);
	out8(f, CONTROL, 0x80); /* ignored: one is waiting */
	assert_int_equal(in8(f, CH2), 0x34);
	out8(f, CONTROL, 0x80); /* still */
	assert_int_equal(in8(f, CH2), 0x12);
	assert_int_equal(in8(f, CH2), 0x00); /* live again */
	assert_int_equal(in8(f, CH2), 0x12);
	f->now = at(0, 0x35);
	out8(f, CONTROL, 0xc8); /* read-back: count and status of channel 2 */
	out8(f, CONTROL, 0xc8);
	f->now = at(0, 0x100);
	assert_int_equal(in8(f, CH2), 0xb4); /* status first */
	assert_int_equal(in8(f, CH2), 0xff);
	assert_int_equal(in8(f, CH2), 0x11);
	out8(f, CONTROL, 0xde); /* neither count nor status of all */
	assert_int_equal(in8(f, CH2), 0x34);
	out8(f, CONTROL, 0xc2);		     /* of channel 0 */
	assert_int_equal(in8(f, CH2), 0x11); /* not of this one */
	out8(f, CONTROL, 0x40);		     /* channel 1's */
	assert_int_equal(in8(f, CH2), 0x34);
	out8(f, CONTROL, 0x80); /* between two bytes: starts with the low one again */
	f->now = at(0, 0x200);
	assert_int_equal(in8(f, CH2), 0x34);
	assert_int_equal(in8(f, CH2), 0x11);
	assert_int_equal(in8(f, CH2), 0x34);
}

static void bcd_counts_in_tens(void **state)
{
	struct fixture *f = *state;

	out8(f, PORT61, 1);
	load(f, 2, 0x05, 0x1000); /* mode 2 */
	assert_int_equal(count_of(f, 2), 0x1000);
	f->now = at(0, 1);
	assert_int_equal(count_of(f, 2), 0x0999);
	f->now = at(0, 1001);
	assert_int_equal(count_of(f, 2), 0x0999);
	assert_int_equal(status_of(f, 2) & 0x3f, 0x35);
	load(f, 2, 0x01, 0x0000); /* mode 0: 10000 */
	f->now += at(0, 1);
	assert_int_equal(count_of(f, 2), 0x9999);
	f->now = at(f->now, 10000);
	assert_int_equal(count_of(f, 2), 0x9999); /* past zero, around */
	assert_true(out_of_2(f));
	load(f, 2, 0x05, 0xffff); /* no BCD at all */
	assert_int_equal(count_of(f, 2) & 0xf000, 0x6000);
}

static void modes_6_and_7_are_2_and_3(void **state)
{
	struct fixture *f = *state;

	load(f, 0, 0x0c, 1000);
	assert_int_equal(status_of(f, 0) & 0x0e, 0x04);
	assert_true(f->armed == at(0, 1000));
	load(f, 0, 0x0e, 1000);
	assert_int_equal(status_of(f, 0) & 0x0e, 0x06);
}

/* A host busy for `delay`: calls legacy_timer once then, and from then on in time. */
static uint32_t ticks_after_delay(struct fixture *f, uint64_t delay, uint64_t ns, uint64_t *closest)
{
	uint64_t until, last = 0;
	uint32_t ticks = 0;

	f->now += delay;
	*closest = UINT64_MAX;
	for (until = f->now + ns; f->armed && (f->armed <= until);) {
		f->now = f->armed > f->now ? f->armed : f->now;
		legacy_timer(&f->board);
		if (!take_tick(f))
			continue;
		if (ticks++ && f->now - last < *closest)
			*closest = f->now - last;
		last = f->now;
	}
	f->now = until;
	return ticks;
}

static void a_short_delay_is_made_up_for(void **state)
{
	struct fixture *f = *state;
	uint64_t closest;

	load(f, 0, 0x04, 1193); /* 1 ms */
	assert_in_range(ticks_after_delay(f, 6000000, 94000000, &closest), 99, 101);
	assert_in_range(closest, 499000, 501000); /* never more than twice the rate */
	assert_in_range(ticks_after_delay(f, 0, 100000000, &closest), 99, 101);
	assert_in_range(closest, 999000, 1000000);
}

static void a_long_pause_is_no_flood(void **state)
{
	struct fixture *f = *state;
	uint64_t closest;

	load(f, 0, 0x04, 1193);
	assert_in_range(ticks_after_delay(f, 3600000000000ull, 100000000, &closest), 99, 112);
	assert_true(closest >= 499000);
}

static void a_tiny_period_is_bounded(void **state)
{
	struct fixture *f = *state;

	for (uint16_t count = 1; count < 300; count++) {
		load(f, 0, count & 1 ? 0x04 : 0x06, count);
		assert_in_range(fixture_advance(f, 10000000), 20, 51); /* 200 us and more */
	}
	load(f, 0, 0x04, 2);
	f->now += 1000000000;
	assert_in_range(fixture_advance(f, 10000000), 40, 120);
	out8(f, CONTROL, 0x30);
	assert_int_equal(f->armed, 0);
}

/* Deadlines are always in the future's direction and calls of legacy_timer make progress. */
static void random_accesses_neither_trap_nor_spin(void **state)
{
	static const uint16_t ports[] = { 0x40, 0x40, 0x41, 0x42, 0x43, 0x43, 0x61, 0x61 };
	struct fixture *f = *state;
	struct legacy_end end;
	uint32_t v;

	for (uint32_t i = 0; i < 300000; i++) {
		uint32_t r = fixture_random(f), w = 1u << (r >> 4) % 3;
		uint16_t port = ports[r & 7];

		if (r & 0x100)
			assert_true(port_write(f, port, w, fixture_random(f) & 0x3fffffff, &end));
		else
			assert_true(port_read(f, port, w, &v));
		if (!(r & 0x600))
			assert_true(fixture_advance(f, fixture_random(f) % 2000000) <= 22);
		else if (!(r & 0x70000))
			f->now += fixture_random(f);
		assert_int_equal(f->armed != 0, f->board.pit.irq_tick != 0);
	}
	assert_true(f->arms > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OWN(t) cmocka_unit_test_setup_teardown(t, setup_own, teardown)
		OWN(idle_until_programmed), OWN(a_count_without_a_control_word_ticks),
		OWN(mode_0_counts_once_and_on),
		OWN(mode_0_stops_between_two_bytes),
		OWN(a_shot_that_ran_out_interrupts_before_the_next),
		OWN(mode_2_ticks_for_ever_without_drift),
		OWN(mode_2_takes_a_new_count_after_the_cycle),
		OWN(a_count_waits_for_the_cycle_that_is_running),
		OWN(mode_3_is_a_square_counted_by_twos),
		OWN(mode_3_takes_a_new_count_after_the_half),
		OWN(mode_3_interrupts_at_each_rise),
		OWN(mode_4_strobes_once),
		OWN(modes_1_and_5_wait_for_the_gate),
		OWN(a_low_gate_holds_or_restarts),
		OWN(calibration_by_port_61_ends),
		OWN(port_61_keeps_its_bits_and_toggles_refresh),
		OWN(access_modes_read_and_write_what_they_say),
		OWN(a_latch_holds_until_read),
		OWN(bcd_counts_in_tens),
		OWN(modes_6_and_7_are_2_and_3),
		OWN(a_short_delay_is_made_up_for),
		OWN(a_long_pause_is_no_flood),
		OWN(a_tiny_period_is_bounded),
		OWN(random_accesses_neither_trap_nor_spin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
