/* SPDX-License-Identifier: Apache-2.0 */
/* The 16550A, by register tables and by the sequences that drivers run. Full irqchip: line 4 is
 * recorded. */
#include "fixture.h"

enum {
	THR = 0x3f8,
	RBR = 0x3f8,
	IER = 0x3f9,
	IIR = 0x3fa,
	FCR = 0x3fa,
	LCR = 0x3fb,
	MCR = 0x3fc,
	LSR = 0x3fd,
	MSR = 0x3fe,
	SCR = 0x3ff
};

static void feed(struct fixture *f, const char *text)
{
	assert_int_equal(
		legacy_input(&f->board, (const uint8_t *)text, strlen(text)), strlen(text));
}

static void polled_output_comes_out_as_written(void **state)
{
	struct fixture *f = *state;

	for (const char *p = "hello\n"; *p; p++) {
		assert_int_equal(in8(f, LSR) & 0x60, 0x60);
		out8(f, THR, (uint8_t)*p);
	}
	assert_int_equal(f->output_len, 6);
	assert_memory_equal(f->output, "hello\n", 6);
	assert_int_equal(f->line_changes[4], 0); /* nobody asked for interrupts */
}

static void a_wide_write_is_one_write_per_byte(void **state)
{
	struct fixture *f = *state;
	struct legacy_end end;
	uint32_t v;

	assert_true(port_write(f, THR, 2, 0x0241, &end)); /* 'A', then IER = THRE */
	assert_memory_equal(f->output, "A", 1);
	assert_int_equal(in8(f, IER), 2);
	assert_true(port_read(f, SCR, 4, &v)); /* beyond the chip: nothing there */
	assert_int_equal(v, 0xffffff00);
	out8(f, SCR, 0x5a);
	assert_true(port_read(f, MSR, 2, &v));
	assert_int_equal(v, 0x5ab0);
	assert_false(port_read(f, THR, 3, &v));
	assert_false(port_read(f, THR, 8, &v));
	assert_false(port_read(f, THR, 0, &v));
}

static void every_register_keeps_what_it_should(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in8(f, LCR), 0x03);
	assert_int_equal(in8(f, MCR), 0x08);
	assert_int_equal(in8(f, IIR), 0x01);
	for (uint32_t v = 0; v < 256; v++) {
		out8(f, SCR, (uint8_t)v);
		assert_int_equal(in8(f, SCR), v);
		out8(f, IER, (uint8_t)v);
		assert_int_equal(in8(f, IER), v & 0x0f);
		out8(f, MCR, (uint8_t)v);
		assert_int_equal(in8(f, MCR), v & 0x1f);
		out8(f, LSR, (uint8_t)v); /* read-only here */
		assert_int_equal(in8(f, LSR), 0x60);
	}
	out8(f, IER, 0);
	for (uint32_t v = 0; v < 256; v++) {
		out8(f, LCR, (uint8_t)v);
		assert_int_equal(in8(f, LCR), v);
	}
	assert_int_equal(f->output_len, 0);
}

static void dlab_switches_to_the_divisor(void **state)
{
	struct fixture *f = *state;

	out8(f, IER, 0x05);
	out8(f, LCR, 0x83);
	assert_int_equal(in8(f, THR), 12); /* 9600 baud, for drivers that look what was set */
	assert_int_equal(in8(f, IER), 0);
	out8(f, THR, 0x01);
	out8(f, IER, 0xab);
	assert_int_equal(in8(f, THR), 0x01);
	assert_int_equal(in8(f, IER), 0xab);
	out8(f, LCR, 0x03);
	assert_int_equal(in8(f, IER), 0x05);
	assert_int_equal(f->output_len, 0);
}

/* drivers/tty/serial/8250 in words: IER keeps 4 bits, loopback shows MCR in MSR, FIFOs make it a
 * 16550A, and no register of a better chip answers. */
static void linux_takes_it_for_a_16550a(void **state)
{
	struct fixture *f = *state;
	uint8_t mcr;

	out8(f, IER, 0);
	assert_int_equal(in8(f, IER) & 0x0f, 0);
	out8(f, IER, 0x0f);
	assert_int_equal(in8(f, IER) & 0x0f, 0x0f);
	out8(f, IER, 0);

	mcr = in8(f, MCR);
	out8(f, MCR, 0x10 | 0x0a); /* LOOP, OUT2 and RTS: DCD and CTS */
	assert_int_equal(in8(f, MSR) & 0xf0, 0x90);
	out8(f, MCR, mcr);
	assert_int_equal(in8(f, MSR) & 0xf0, 0xb0);

	out8(f, LCR, 0xbf); /* a 16650's EFR would sit at FCR's place */
	out8(f, FCR, 0);
	out8(f, LCR, 0);
	out8(f, FCR, 0x01);
	assert_int_equal(in8(f, IIR) >> 6, 3);
	out8(f, LCR, 0x80);
	assert_int_not_equal(in8(f, IIR), 0);
	out8(f, LCR, 0xbf);
	assert_int_not_equal(in8(f, IIR), 0);

	out8(f, LCR, 0); /* National's chips mirror MCR's loop bit in bank 2 */
	mcr = in8(f, MCR);
	out8(f, MCR, mcr ^ 0x10);
	out8(f, LCR, 0xe0);
	assert_int_equal(in8(f, IIR) & 0x10, 0);
	out8(f, LCR, 0);
	out8(f, MCR, mcr);

	out8(f, FCR, 0x21); /* a TI16750 would set IIR bit 5 */
	assert_int_equal(in8(f, IIR) >> 5, 6);
	out8(f, IER, 0x40); /* an XScale would keep UUE */
	assert_int_equal(in8(f, IER), 0);
	out8(f, FCR, 0);
	assert_int_equal(in8(f, IIR) & 0xc0, 0);
}

/* Linux's size_fifo: what a loop of 256 writes leaves to be read. */
static void loopback_has_sixteen_bytes_of_fifo(void **state)
{
	struct fixture *f = *state;
	uint32_t count;

	feed(f, "x"); /* from outside: waits until loopback ends */
	assert_int_equal(in8(f, RBR), 'x');
	out8(f, FCR, 0x07);
	out8(f, MCR, 0x10);
	feed(f, "outside");
	for (uint32_t i = 0; i < 256; i++)
		out8(f, THR, (uint8_t)i);
	assert_int_equal(in8(f, LSR), 0x60 | 0x01 | 0x02);
	assert_int_equal(in8(f, LSR), 0x60 | 0x01); /* reading it cleared the overrun */
	for (count = 0; in8(f, LSR) & 1; count++)
		assert_int_equal(in8(f, RBR), count);
	assert_int_equal(count, 16);
	assert_int_equal(f->output_len, 0);
	out8(f, MCR, 0x08);
	for (const char *p = "outside"; *p; p++)
		assert_int_equal(in8(f, RBR), *p);
	assert_int_equal(in8(f, LSR) & 1, 0);
}

static void without_fifo_a_full_register_is_overwritten(void **state)
{
	struct fixture *f = *state;

	out8(f, MCR, 0x10);
	out8(f, THR, 'a');
	out8(f, THR, 'b');
	assert_int_equal(in8(f, LSR) & 3, 3);
	assert_int_equal(in8(f, RBR), 'b');
	assert_int_equal(in8(f, LSR) & 3, 0);
}

static void thre_interrupts_when_enabled_and_after_each_byte(void **state)
{
	struct fixture *f = *state;

	out8(f, IER, 0x02);
	assert_true(f->line[4]);
	assert_int_equal(in8(f, IIR), 0x02); /* which acknowledges it */
	assert_false(f->line[4]);
	assert_int_equal(in8(f, IIR), 0x01);
	out8(f, IER, 0x02); /* already on: no news */
	assert_false(f->line[4]);
	out8(f, THR, 'a');
	assert_true(f->line[4]);
	f->line_changes[4] = 0;
	out8(f, THR, 'b'); /* an edge of its own */
	assert_int_equal(f->line_changes[4], 2);
	assert_true(f->line[4]);
	out8(f, IER, 0);
	assert_false(f->line[4]);
	out8(f, IER, 0x02); /* Linux's THRE test: off and on again raises it anew */
	assert_int_equal(in8(f, IIR), 0x02);
	out8(f, IER, 0);
	out8(f, IER, 0x02);
	assert_int_equal(in8(f, IIR), 0x02);
}

static void out2_gates_the_line(void **state)
{
	struct fixture *f = *state;

	out8(f, MCR, 0);
	out8(f, IER, 0x02);
	assert_false(f->line[4]);
	assert_int_equal(f->board.serial.thr_pending, true);
	out8(f, MCR, 0x08);
	assert_true(f->line[4]);
	out8(f, MCR, 0x18); /* loopback holds the pin */
	assert_false(f->line[4]);
	out8(f, MCR, 0x03);
	assert_false(f->line[4]);
}

static void sources_come_by_priority(void **state)
{
	struct fixture *f = *state;

	out8(f, FCR, 0x81); /* trigger level 8 */
	out8(f, MCR, 0x1a);
	in8(f, MSR);
	for (uint32_t i = 0; i < 17; i++)
		out8(f, THR, (uint8_t)i); /* overrun, FIFO full */
	out8(f, MCR, 0x18);		  /* RTS falls: delta CTS */
	out8(f, IER, 0x0f);
	assert_int_equal(in8(f, IIR), 0xc6);
	assert_int_equal(in8(f, IIR), 0xc6);
	assert_int_equal(in8(f, LSR) & 0x1e, 0x02);
	assert_int_equal(in8(f, IIR), 0xc4);
	for (uint32_t i = 0; i < 9; i++)
		in8(f, RBR);
	assert_int_equal(in8(f, IIR), 0xcc); /* below the level: character timeout */
	for (uint32_t i = 0; i < 7; i++)
		in8(f, RBR);
	assert_int_equal(in8(f, IIR), 0xc2);
	assert_int_equal(in8(f, IIR), 0xc0); /* modem status, until MSR is read */
	assert_int_equal(in8(f, IIR), 0xc0);
	assert_int_equal(in8(f, MSR), 0x81);
	assert_int_equal(in8(f, IIR), 0xc1);
}

static void sources_that_are_off_stay_silent(void **state)
{
	struct fixture *f = *state;

	out8(f, MCR, 0x10);
	out8(f, THR, 'a');
	out8(f, THR, 'b'); /* overrun; the modem lines have changed too */
	out8(f, MCR, 0x08);
	assert_int_equal(in8(f, IIR), 0x01);
	assert_false(f->line[4]);
	out8(f, IER, 0x04);
	assert_int_equal(in8(f, IIR), 0x06);
	assert_true(f->line[4]);
	in8(f, LSR);
	assert_false(f->line[4]);
	out8(f, IER, 0x01);
	assert_int_equal(in8(f, IIR), 0x04);
	out8(f, IER, 0x02);
	assert_int_equal(in8(f, IIR), 0x02);
	assert_int_equal(in8(f, IIR), 0x01);
	out8(f, IER, 0x08);
	assert_int_equal(in8(f, IIR), 0x00);
}

static void trigger_levels_are_1_4_8_14(void **state)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };
	struct fixture *f = *state;

	out8(f, IER, 0x01);
	for (uint32_t i = 0; i < 4; i++) {
		out8(f, FCR, (uint8_t)(0x03 | i << 6));
		for (uint32_t n = 1; n <= 16; n++) {
			feed(f, "x");
			assert_true(f->line[4]);
			assert_int_equal(in8(f, IIR), n >= level[i] ? 0xc4 : 0xcc);
		}
	}
}

static void modem_deltas_and_trailing_ri(void **state)
{
	struct fixture *f = *state;

	out8(f, IER, 0x08);
	out8(f, MCR, 0x14); /* OUT1: RI rises, the others fall */
	assert_int_equal(in8(f, MSR), 0x40 | 0x0b);
	out8(f, MCR, 0x10);
	assert_int_equal(in8(f, MSR), 0x04); /* trailing edge of RI */
	out8(f, MCR, 0x11);
	assert_int_equal(in8(f, MSR), 0x22);
	assert_int_equal(in8(f, MSR), 0x20);
	out8(f, MCR, 0x08);
	assert_true(f->line[4]);
	assert_int_equal(in8(f, MSR), 0xb0 | 0x09);
	assert_false(f->line[4]);
}

static void input_is_bounded_and_in_order(void **state)
{
	struct fixture *f = *state;
	uint8_t big[8192];

	for (uint32_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7);
	out8(f, FCR, 0x01);
	assert_int_equal(legacy_input(&f->board, big, sizeof big), LEGACY_SERIAL_INPUT);
	assert_int_equal(
		legacy_input(&f->board, big, sizeof big), LEGACY_SERIAL_FIFO); /* it moved on */
	assert_int_equal(legacy_input(&f->board, big, 1), 0);
	assert_int_equal(legacy_input(&f->board, big, 0), 0);
	for (uint32_t i = 0; i < LEGACY_SERIAL_INPUT; i++)
		assert_int_equal(in8(f, RBR), big[i]);
	for (uint32_t i = 0; i < LEGACY_SERIAL_FIFO; i++) {
		assert_int_equal(in8(f, LSR) & 1, 1);
		assert_int_equal(in8(f, RBR), big[i]);
	}
	assert_int_equal(in8(f, LSR) & 1, 0);
	assert_int_equal(in8(f, RBR), 0);
}

/* A handler for edges that reads one byte and leaves must be called again for the next. */
static void every_byte_left_behind_is_a_new_edge(void **state)
{
	struct fixture *f = *state;
	uint32_t read = 0;

	out8(f, IER, 0x01);
	feed(f, "abc");
	assert_int_equal(f->line_changes[4], 1);
	while (f->line[4]) {
		f->line_changes[4] = 0;
		in8(f, RBR);
		read++;
		assert_int_equal(f->line_changes[4], f->line[4] ? 2 : 1);
	}
	assert_int_equal(read, 3);
}

static void reading_above_the_trigger_level_makes_no_edge(void **state)
{
	struct fixture *f = *state;

	out8(f, FCR, 0x41); /* 4 */
	out8(f, IER, 0x01);
	feed(f, "abcdef");
	f->line_changes[4] = 0;
	in8(f, RBR);
	in8(f, RBR);
	assert_int_equal(f->line_changes[4], 0);
	in8(f, RBR); /* three are left: the character timeout is an edge of its own */
	assert_int_equal(f->line_changes[4], 2);
	out8(f, FCR, 0x81);
	assert_int_equal(f->line_changes[4], 2);
	assert_int_equal(in8(f, RBR), 'd');
}

static void clearing_the_fifo_spares_what_is_on_the_wire(void **state)
{
	struct fixture *f = *state;

	out8(f, FCR, 0x01);
	out8(f, IER, 0x01);
	feed(f, "0123456789abcdefXY");
	f->line_changes[4] = 0;
	out8(f, FCR, 0x03);
	assert_int_equal(f->line_changes[4], 2); /* down and, for what follows, up */
	out8(f, FCR, 0x81);			 /* another trigger level clears nothing */
	assert_int_equal(in8(f, RBR), 'X');
	out8(f, FCR, 0x00); /* turning it off clears it too */
	assert_int_equal(in8(f, LSR) & 1, 0);
	assert_false(f->line[4]);
	feed(f, "pq");
	assert_int_equal(f->board.serial.fifo_len, 1);
	out8(f, FCR, 0x02); /* ignored without bit 0 */
	assert_int_equal(in8(f, RBR), 'p');
}

static void the_line_reaches_both_chips(void **state)
{
	struct fixture *f = *state;

	ioapic_out(f, 0x18, 0x44);
	out8(f, IER, 0x02);
	assert_int_equal(f->msis, 1);
	assert_int_equal(f->msi_data, 0x44);
	assert_int_equal(in8(f, 0x20) & 0x10, 0x10); /* the master's IRR */
}

static void random_accesses_keep_it_sane(void **state)
{
	struct fixture *f = *state;
	struct legacy_end end;
	uint32_t v;

	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t r = fixture_random(f);
		uint16_t port = (uint16_t)(THR + (r & 7));

		if (r & 0x100)
			assert_true(
				port_write(f, port, 1u << (r >> 9 & 1), fixture_random(f), &end));
		else
			assert_true(port_read(f, port, 1u << (r >> 9) % 3, &v));
		if (!(r & 0xf0000))
			legacy_input(&f->board, (const uint8_t *)&r, sizeof r);
		assert_true(f->board.serial.fifo_len <= LEGACY_SERIAL_FIFO);
		assert_int_equal(f->line[4], f->board.serial.irq_level);
		assert_int_equal(in8(f, IIR) & 0x30, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define LINES(t) cmocka_unit_test_setup_teardown(t, setup_lines, teardown)
		LINES(polled_output_comes_out_as_written),
		LINES(a_wide_write_is_one_write_per_byte),
		LINES(every_register_keeps_what_it_should),
		LINES(dlab_switches_to_the_divisor),
		LINES(linux_takes_it_for_a_16550a),
		LINES(loopback_has_sixteen_bytes_of_fifo),
		LINES(without_fifo_a_full_register_is_overwritten),
		LINES(thre_interrupts_when_enabled_and_after_each_byte),
		LINES(out2_gates_the_line),
		LINES(sources_come_by_priority),
		LINES(sources_that_are_off_stay_silent),
		LINES(trigger_levels_are_1_4_8_14),
		LINES(modem_deltas_and_trailing_ri),
		LINES(input_is_bounded_and_in_order),
		LINES(every_byte_left_behind_is_a_new_edge),
		LINES(reading_above_the_trigger_level_makes_no_edge),
		LINES(clearing_the_fifo_spares_what_is_on_the_wire),
		cmocka_unit_test_setup_teardown(the_line_reaches_both_chips, setup_own, teardown),
		LINES(random_accesses_keep_it_sane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
