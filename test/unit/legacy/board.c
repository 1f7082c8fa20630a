/* SPDX-License-Identifier: Apache-2.0 */
/* The board as a whole: who answers where, lines, reset, and its state saved and loaded at any
 * point. */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>

static void ports_of_a_kind_are_there_or_not(void **state)
{
	static const uint16_t always[] = { 0x3f8, 0x3ff, 0x60, 0x64, 0x70, 0x71, 0x92, 0x600,
		0x604 };
	static const uint16_t own_only[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x43, 0x61, 0x4d0,
		0x4d1 };
	static const uint16_t never[] = { 0x3f7, 0x400, 0x22, 0x3f, 0x44, 0x62, 0x65, 0x72, 0x4d2,
		0xcfc, 0x1f0, 0 };
	struct fixture f;
	uint32_t v;

	(void)state;
	for (int kind = LEGACY_IRQCHIP_OWN; kind <= LEGACY_IRQCHIP_NONE; kind++) {
		fixture_init(&f, (enum legacy_irqchip)kind);
		for (uint32_t i = 0; i < sizeof always / sizeof *always; i++)
			assert_true(port_read(&f, always[i], always[i] == 0x604 ? 2 : 1, &v));
		for (uint32_t i = 0; i < sizeof own_only / sizeof *own_only; i++)
			assert_int_equal(
				port_read(&f, own_only[i], 1, &v), kind == LEGACY_IRQCHIP_OWN);
		for (uint32_t i = 0; i < sizeof never / sizeof *never; i++)
			assert_false(port_read(&f, never[i], 1, &v));
	}
}

static void lines_go_to_kvm_or_nowhere(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, LEGACY_IRQCHIP_LINES);
	legacy_pulse(&f.board, 7);
	assert_int_equal(f.line_changes[7], 2);
	legacy_line(&f.board, 23, true);
	assert_true(f.line[23]);
	legacy_line(&f.board, 24, true);
	legacy_timer(&f.board);
	fixture_init(&f, LEGACY_IRQCHIP_NONE);
	out8(&f, 0x3f9, 0x02);
	legacy_pulse(&f.board, 7);
	assert_int_equal(f.line_changes[7] + f.line_changes[4] + f.msis + f.intrs, 0);
}

static void initialise_master(struct fixture *f)
{
	out8(f, 0x20, 0x11);
	out8(f, 0x21, 0x20);
	out8(f, 0x21, 0x04);
	out8(f, 0x21, 0x01);
}

static void reset_takes_back_what_it_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, LEGACY_IRQCHIP_LINES);
	out8(&f, 0x3f9, 0x02);
	out8(&f, 0x64, 0x60);
	out8(&f, 0x60, 0x01);
	out8(&f, 0x60, 0x00);
	assert_true(f.line[4] && f.line[1]);
	legacy_reset(&f.board);
	assert_false(f.line[4] || f.line[1]);
	assert_int_equal(in8(&f, 0x3f9), 0);
	assert_int_equal(in8(&f, 0x64) & 0x41, 0); /* nor does a byte wait any more */

	fixture_init(&f, LEGACY_IRQCHIP_OWN);
	out8(&f, 0x43, 0x34);
	out8(&f, 0x40, 0);
	out8(&f, 0x40, 0);
	initialise_master(&f);
	legacy_line(&f.board, 5, true);
	ioapic_out(&f, 0x10, 0x8030);
	assert_true(f.intr && f.armed && f.routes == 1);
	legacy_reset(&f.board);
	assert_false(f.intr || f.armed);
	assert_int_equal(f.routes, 2);
	assert_int_equal(in8(&f, 0x21), 0xff);
	assert_int_equal(ioapic_in(&f, 0x10), 0x10000);
	f.now += 1000000;
	assert_int_equal(in8(&f, 0x40), 0); /* the counter stands still */
	legacy_timer(&f.board);
	assert_int_equal(f.arms, 2);
}

/* A guest that does a bit of everything: what it sees is a digest of all values read. */
static void play(struct fixture *f, uint64_t *digest, uint32_t steps)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x60,
		0x61, 0x64, 0x70, 0x71, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff,
		0x4d0, 0x4d1, 0x8900 };
	struct legacy_end end;

	for (uint32_t i = 0; i < steps; i++) {
		uint32_t r = fixture_random(f), v = 0;
		uint16_t port = ports[(r >> 8) % (sizeof ports / sizeof *ports)];

		switch (r & 7) {
		case 0:
		case 1:
			port_write(f, port, 1, fixture_random(f), &end);
			break;
		case 2:
			ioapic_out(f, (uint8_t)(r >> 8 & 0x3f), fixture_random(f) & 0xff01ffff);
			break;
		case 3:
			v = f->board.own_irqchip ? ioapic_in(f, (uint8_t)(r >> 8 & 0x3f)) : 0;
			break;
		case 4:
			/* 1 and 4 have owners */
			legacy_line(&f->board, (r >> 8 & 31) | 8, r >> 16 & 1);
			legacy_eoi(&f->board, (uint8_t)(r >> 20));
			break;
		case 5:
			legacy_input(&f->board, (const uint8_t *)&r, r >> 30);
			v = legacy_intr(&f->board) ? legacy_intack(&f->board) : 0;
			break;
		case 6:
			fixture_advance(f, r >> 12);
			break;
		default:
			port_read(f, port, 1, &v);
			break;
		}
		v ^= f->msis ^ f->msi_data ^ (f->intr ? 1u << 20 : 0) ^ (uint32_t)f->output_len;
		*digest = (*digest ^ v) * 0x100000001b3;
	}
}

/* Clocks of the two sides differ by this much; a multiple of what port 0x61 and the RTC show of
 * them. */
enum { APART = 2 * 15085 };

/* The state of `from` in a board that has seen other things, on another clock. */
static void move(struct fixture *from, struct fixture *to, enum legacy_irqchip kind)
{
	struct ukvmm_state s;
	uint64_t digest = 0;

	state_save_init(&s);
	assert_int_equal(legacy_walk(&from->board, &s), 0);
	fixture_init(to, kind);
	to->seed = 99;
	play(to, &digest, 200);
	to->now = from->now + APART * 1000000000ull;
	to->realtime = from->realtime - APART;
	s.loading = true;
	assert_int_equal(legacy_walk(&to->board, &s), 0);
	assert_int_equal(s.pos, s.len);
	s.loading = false;
	state_fini(&s);
	assert_int_equal(to->intr, from->intr);
	assert_int_equal(to->armed != 0, from->armed != 0);
	assert_int_equal(to->line[1], from->line[1]);
	assert_int_equal(to->line[4], from->line[4]);
	to->seed = from->seed;
	to->msis = from->msis;
	to->msi_data = from->msi_data;
	to->output_len = from->output_len;
}

static void a_guest_moved_at_any_point_sees_no_difference(void **state)
{
	(void)state;
	for (int kind = LEGACY_IRQCHIP_OWN; kind <= LEGACY_IRQCHIP_NONE; kind++) {
		for (uint32_t point = 0; point < 300; point++) {
			struct fixture stays, goes;
			uint64_t a = 1, b;

			fixture_init(&stays, (enum legacy_irqchip)kind);
			stays.seed = 1 + point;
			play(&stays, &a, point * 3);
			b = a;
			move(&stays, &goes, (enum legacy_irqchip)kind);
			/* the one thing that is not carried over */
			stays.board.rtc.latched_until = 0;
			play(&stays, &a, 300);
			play(&goes, &b, 300);
			assert_true(a == b);
			assert_int_equal(stays.seed, goes.seed);
		}
	}
}

static void times_move_with_the_clock(void **state)
{
	struct fixture a, b;
	struct ukvmm_state s;

	(void)state;
	fixture_init(&a, LEGACY_IRQCHIP_OWN);
	a.now = 5000000000;
	out8(&a, 0x43, 0x34);
	out8(&a, 0x40, 0x9c);
	out8(&a, 0x40, 0x2e); /* 10 ms */
	a.now += 4000000;
	state_save_init(&s);
	assert_int_equal(legacy_walk(&a.board, &s), 0);
	fixture_init(&b, LEGACY_IRQCHIP_OWN);
	b.now = 77;
	s.loading = true;
	assert_int_equal(legacy_walk(&b.board, &s), 0);
	s.loading = false;
	state_fini(&s);
	assert_in_range(b.armed, 77 + 5999000, 77 + 6001000);
	assert_int_equal(fixture_advance(&b, 106100000), 11);
}

/* A count that waits for the end of its cycle, and a gate that begins another one: what was to happen at that end is over,
 * and the board that is saved then can be loaded. (Found by fuzz-legacy.) */
static void a_cycle_that_is_over_is_not_saved(void **state)
{
	struct fixture a, b;
	struct ukvmm_state s;

	(void)state;
	fixture_init(&a, LEGACY_IRQCHIP_OWN);
	out8(&a, 0x61, 1);
	out8(&a, 0x43, 0xb4); /* channel 2, mode 2 */
	out8(&a, 0x42, 0);
	out8(&a, 0x42, 0);
	a.now += 10000000000ull; /* many cycles */
	out8(&a, 0x42, 0);
	out8(&a, 0x42, 0x10);
	out8(&a, 0x61, 0);
	out8(&a, 0x61, 1);
	state_save_init(&s);
	assert_int_equal(legacy_walk(&a.board, &s), 0);
	fixture_init(&b, LEGACY_IRQCHIP_OWN);
	s.loading = true;
	assert_int_equal(legacy_walk(&b.board, &s), 0);
	s.loading = false;
	state_fini(&s);
}

static void a_load_tells_what_changed(void **state)
{
	struct fixture idle, busy;
	struct ukvmm_state s;

	(void)state;
	fixture_init(&idle, LEGACY_IRQCHIP_OWN);
	state_save_init(&s);
	assert_int_equal(legacy_walk(&idle.board, &s), 0);
	assert_int_equal(idle.arms + idle.intrs + idle.routes, 0); /* a save tells nothing */
	fixture_init(&busy, LEGACY_IRQCHIP_OWN);
	out8(&busy, 0x43, 0x34);
	out8(&busy, 0x40, 0);
	out8(&busy, 0x40, 0);
	initialise_master(&busy);
	legacy_pulse(&busy.board, 5);
	ioapic_out(&busy, 0x10, 0x8030);
	assert_true(busy.intr && busy.armed && busy.routes == 1);
	s.loading = true;
	assert_int_equal(legacy_walk(&busy.board, &s), 0);
	assert_false(busy.intr || busy.armed);
	assert_int_equal(busy.routes, 2);
	s.loading = false;
	state_fini(&s);
}

static void save(struct fixture *f, struct ukvmm_state *s)
{
	uint64_t digest = 0;

	fixture_init(f, LEGACY_IRQCHIP_OWN);
	f->seed = 5;
	play(f, &digest, 5000);
	state_save_init(s);
	assert_int_equal(legacy_walk(&f->board, s), 0);
}

static void a_state_cut_short_is_refused_and_changes_nothing(void **state)
{
	struct fixture f, into, before;
	struct ukvmm_state s, load;

	(void)state;
	save(&f, &s);
	fixture_init(&into, LEGACY_IRQCHIP_OWN);
	before = into;
	for (size_t len = 0; len < s.len; len += len < 400 || len > s.len - 900 ? 1 : 37) {
		state_load_init(&load, s.buf, len);
		assert_int_equal(legacy_walk(&into.board, &load), -EINVAL);
		assert_memory_equal(&into, &before, sizeof into);
	}
	state_fini(&s);
}

/* Finds a section in saved state: 32 bytes of name, version, length. */
static uint8_t *section(struct ukvmm_state *s, const char *name)
{
	for (size_t i = 0; i + 40 < s->len; i++) {
		if (!strcmp((const char *)s->buf + i, name) && !s->buf[i + 31])
			return s->buf + i + 40;
	}
	fail_msg("no section %s", name);
	return NULL;
}

/* The largest values that there can be, and every command that may wait, do load. */
static void values_at_their_limits_are_taken(void **state)
{
	static const uint8_t commands[] = { 0x60, 0xd1, 0xd2, 0xd3, 0xd4 };
	uint8_t input[LEGACY_SERIAL_INPUT] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < sizeof commands; i++) {
		struct fixture f, into;
		struct ukvmm_state s;

		fixture_init(&f, LEGACY_IRQCHIP_OWN);
		out8(&f, 0x3fa, 0x01);
		legacy_input(&f.board, input, sizeof input);
		legacy_input(&f.board, input, sizeof input);
		out8(&f, 0x43, 0x34);
		out8(&f, 0x40, 0);
		out8(&f, 0x40, 0); /* 65536 */
		out8(&f, 0x64, commands[i]);
		out8(&f, 0x70, 0x7f);
		legacy_line(&f.board, 23, true);
		state_save_init(&s);
		assert_int_equal(legacy_walk(&f.board, &s), 0);
		fixture_init(&into, LEGACY_IRQCHIP_OWN);
		s.loading = true;
		assert_int_equal(legacy_walk(&into.board, &s), 0);
		assert_int_equal(into.board.serial.in_len, LEGACY_SERIAL_INPUT);
		assert_int_equal(into.board.i8042.command, commands[i]);
		assert_int_equal(into.board.pit.channel[0].count, 65536);
		assert_true(into.armed == f.armed);
		s.loading = false;
		state_fini(&s);
	}
}

static void values_no_chip_can_hold_are_refused(void **state)
{
	static const struct {
		const char *section;
		int32_t offset;
		uint8_t byte;
	} rows[] = {
		{ "serial", -8, 2 },			    /* version */
		{ "serial", 0, 0x10 },			    /* IER */
		{ "serial", 2, 0x20 },			    /* MCR */
		{ "serial", 5, 0x0e },			    /* FCR: bits that are not kept */
		{ "serial", 5, 0xc0 },			    /* FCR: a level without FIFO */
		{ "serial", 6, 0x20 },			    /* LSR: not an error */
		{ "serial", 6, 0x01 },
		{ "serial", 9, 2 },			    /* a flag */
		{ "serial", 26, 16 },			    /* FIFO head */
		{ "serial", 27, 17 },			    /* FIFO length */
		{ "serial", 28 + 4096 + 1, 16 },	    /* input head: 4096 and more */
		{ "serial", 28 + 4096 + 5, 0x11 },	    /* input length: over 4096 */
		{ "rtc", 0, 0x80 },			    /* index */
		{ "rtc", 1 + 10, 0x80 },		    /* status A: update in progress */
		{ "rtc", 1 + 12, 1 },			    /* status C */
		{ "rtc", 1 + 13, 0 },			    /* status D */
		{ "rtc", 129 + 7, 0x40 },		    /* offset */
		{ "i8042", 0, 0x61 },			    /* a command that takes no data */
		{ "i8042", 0, 0xff },
		{ "i8042", 2, 0x02 },			    /* status: input buffer full */
		{ "i8042", 4, 8 },			    /* letters of "Shutdown" */
		{ "pic", 3, 0x07 },			    /* ELCR of fixed edges */
		{ "pic", 5, 0x21 },			    /* vector base */
		{ "pic", 6, 1 },			    /* initialisation step */
		{ "pic", 6, 5 },
		{ "pic", 7, 8 },			    /* first */
		{ "pic", 8, 2 },			    /* a flag */
		{ "pic", 16 + 3, 0x01 },
		{ "ioapic", 1, 0x10 },	  /* delivery status */
		{ "ioapic", 4, 1 },	  /* reserved bits */
		{ "ioapic", 192 + 3, 1 }, /* a 25th line */
		{ "ioapic", 196, 16 },	  /* id */
	};
	struct fixture f, into, before;
	struct ukvmm_state s, load;

	(void)state;
	save(&f, &s);
	fixture_init(&into, LEGACY_IRQCHIP_OWN);
	before = into;
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t *byte = section(&s, rows[i].section) + rows[i].offset, good = *byte;

		*byte = rows[i].byte;
		state_load_init(&load, s.buf, s.len);
		assert_int_equal(legacy_walk(&into.board, &load), -EINVAL);
		assert_string_equal(load.section, rows[i].section);
		assert_memory_equal(&into, &before, sizeof into);
		*byte = good;
	}
	state_load_init(&load, s.buf, s.len);
	assert_int_equal(legacy_walk(&into.board, &load), 0);
	state_fini(&s);
}

/* The counters of the 8254 are divided by and compared: each field is checked with the others. */
static void counters_that_do_not_fit_are_refused(void **state)
{
	struct fixture f;
	const struct legacy_8254_channel good = { .start = 0,
		.ran = 84000,
		.origin = 0,
		.count = 1000,
		.reload = 1000,
		.mode = 2,
		.access = 3,
		.gate = true,
		.running = true };
	struct legacy_8254_channel bad[16];
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		bad[i] = good;
	bad[n++].count = 0;
	bad[n++].count = 65537;
	bad[n++].reload = 65537;
	bad[n++].reload = 0;
	bad[n++].origin = 101;
	bad[n++].origin = -65537;
	bad[n++].ran = 1ull << 63;
	bad[n++].mode = 6;
	bad[n++].access = 4;
	bad[n++].gate = false;
	bad[n].pending = true;
	bad[n++].switch_at = 100 + 65537;
	bad[n].origin = 50;
	bad[n].switch_at = 49;
	bad[n++].pending = true;
	for (uint32_t i = 0; i <= n + 2; i++) {
		struct ukvmm_state s;

		fixture_init(&f, LEGACY_IRQCHIP_OWN);
		f.board.pit.channel[0] = i < n ? bad[i] : good;
		f.board.pit.irq_tick = 1000;
		if (i == n + 1) /* further off than any count reaches */
			f.board.pit.irq_tick = 200000;
		if (i == n + 2) /* an interrupt of a counter that stands still */
			f.board.pit.channel[0].running = false;
		state_save_init(&s);
		assert_int_equal(legacy_walk(&f.board, &s), 0);
		s.loading = true;
		assert_int_equal(legacy_walk(&f.board, &s), i != n ? -EINVAL : 0);
		s.loading = false;
		state_fini(&s);
	}
	assert_int_equal(n, 12);
}

static void bits_flipped_at_random_are_refused_or_harmless(void **state)
{
	struct fixture f, into;
	struct ukvmm_state s, load;
	uint32_t refused = 0;

	(void)state;
	save(&f, &s);
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t digest = 0;
		uint8_t *p[4], old[4];

		for (int k = 0; k < 4; k++) {
			uint32_t at = fixture_random(&f) % (uint32_t)(s.len - 4096);

			p[k] = s.buf + (at < 100 ? at : at + 4096); /* not in the input buffer */
			old[k] = *p[k];
			*p[k] = (uint8_t)fixture_random(&f);
		}
		fixture_init(&into, LEGACY_IRQCHIP_OWN);
		into.now = i * 1000;
		state_load_init(&load, s.buf, s.len);
		if (legacy_walk(&into.board, &load))
			refused++;
		else
			play(&into, &digest, 50);
		for (int k = 3; k >= 0; k--)
			*p[k] = old[k];
	}
	assert_in_range(refused, 1000, 19999);
	state_fini(&s);
}

static void another_kind_of_board_is_refused(void **state)
{
	struct fixture f, lines;
	struct ukvmm_state s, load;

	(void)state;
	fixture_init(&lines, LEGACY_IRQCHIP_LINES);
	state_save_init(&s);
	assert_int_equal(legacy_walk(&lines.board, &s), 0);
	fixture_init(&f, LEGACY_IRQCHIP_OWN);
	state_load_init(&load, s.buf, s.len);
	assert_int_equal(legacy_walk(&f.board, &load), -EINVAL);
	state_fini(&s);
}

static void no_port_and_no_width_does_harm(void **state)
{
	struct fixture f;

	(void)state;
	for (int kind = LEGACY_IRQCHIP_OWN; kind <= LEGACY_IRQCHIP_NONE; kind++) {
		fixture_init(&f, (enum legacy_irqchip)kind);
		for (uint32_t i = 0; i < 400000; i++) {
			uint32_t r = fixture_random(&f), width = 1u << (r & 3), v = 0;
			uint16_t port = r & 4 ? (uint16_t)(r >> 16) : (uint16_t)(r >> 16 & 0x7ff);
			struct legacy_end end;

			if (r & 8)
				port_write(&f, port, width, fixture_random(&f), &end);
			else if (port_read(&f, port, width, &v) && width < 4)
				assert_true(v >> 8 * width == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_of_a_kind_are_there_or_not),
		cmocka_unit_test(lines_go_to_kvm_or_nowhere),
		cmocka_unit_test(reset_takes_back_what_it_told),
		cmocka_unit_test(a_guest_moved_at_any_point_sees_no_difference),
		cmocka_unit_test(times_move_with_the_clock),
		cmocka_unit_test(a_cycle_that_is_over_is_not_saved),
		cmocka_unit_test(a_load_tells_what_changed),
		cmocka_unit_test(a_state_cut_short_is_refused_and_changes_nothing),
		cmocka_unit_test(values_at_their_limits_are_taken),
		cmocka_unit_test(values_no_chip_can_hold_are_refused),
		cmocka_unit_test(counters_that_do_not_fit_are_refused),
		cmocka_unit_test(bits_flipped_at_random_are_refused_or_harmless),
		cmocka_unit_test(another_kind_of_board_is_refused),
		cmocka_unit_test(no_port_and_no_width_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
