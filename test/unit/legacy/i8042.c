/* SPDX-License-Identifier: Apache-2.0 */
/* The keyboard controller: resets, and probes that end at once. */
#include "fixture.h"

enum { DATA = 0x60, STATUS = 0x64, COMMAND = 0x64 };

static uint8_t ask(struct fixture *f, uint8_t command)
{
	out8(f, COMMAND, command);
	assert_int_equal(in8(f, STATUS) & 3, 1);
	return in8(f, DATA);
}

static void expect_reset(struct fixture *f, uint16_t port, uint8_t value)
{
	struct legacy_end end;

	assert_true(port_write(f, port, 1, value, &end));
	assert_int_equal(end.kind, LEGACY_RESET);
	assert_false(end.has_status);
}

static void pulses_of_line_0_reset(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in8(f, STATUS) & 2, 0); /* Linux waits for that before it writes 0xFE */
	expect_reset(f, COMMAND, 0xfe);
	expect_reset(f, COMMAND, 0xf0);
	out8(f, COMMAND, 0xff);
	out8(f, COMMAND, 0xfd);
	out8(f, COMMAND, 0xd1);
	out8(f, DATA, 0xdf); /* A20 on */
	out8(f, COMMAND, 0xd1);
	expect_reset(f, DATA, 0xfe);
}

/* A driver that empties the buffer, tests and sets up the controller, then looks for devices. */
static void linux_probe_finds_a_controller_and_nothing_plugged_in(void **state)
{
	struct fixture *f = *state;
	uint8_t config;

	assert_int_equal(in8(f, STATUS) & 1, 0);
	assert_int_equal(in8(f, STATUS) & 0x10, 0x10); /* not locked */
	assert_int_equal(ask(f, 0xaa), 0x55);
	config = ask(f, 0x20);
	assert_int_equal(ask(f, 0x20), config);
	assert_int_equal(config & 0x01, 0); /* no interrupts before a driver wants them */
	out8(f, COMMAND, 0x60);
	config = (config | 0x10) & 0xfe;
	out8(f, DATA, config);
	assert_int_equal(ask(f, 0x20), config);

	/* a byte looped through the mouse port comes back, but not marked as one from there */
	out8(f, COMMAND, 0xd3);
	out8(f, DATA, 0x5a);
	assert_int_equal(in8(f, STATUS) & 0x21, 0x01);
	assert_int_equal(in8(f, DATA), 0x5a);
	config = ask(f, 0xa9);
	assert_true(config != 0 && config != 0xfa && config != 0xff);
	out8(f, COMMAND, 0xa8);
	assert_int_equal(ask(f, 0x20) & 0x20, 0x20);
	assert_int_equal(ask(f, 0xab), 0);
}

static void a_keyboard_command_times_out_at_once(void **state)
{
	struct fixture *f = *state;

	ask(f, 0xab);
	out8(f, COMMAND, 0xab);
	assert_false(f->line[1]); /* a byte waits, but nobody wants to know */
	out8(f, COMMAND, 0x60);
	out8(f, DATA, 0x45);
	assert_true(f->line[1]);
	in8(f, DATA);
	assert_false(f->line[1]);
	out8(f, DATA, 0xf2); /* identify */
	assert_true(f->line[1]);
	assert_int_equal(in8(f, STATUS) & 0x61, 0x41);
	assert_int_equal(in8(f, DATA), 0xfe);
	assert_false(f->line[1]);
	assert_int_equal(in8(f, STATUS) & 0x61, 0);
	out8(f, COMMAND, 0xd4);
	out8(f, DATA, 0xf2);
	assert_int_equal(in8(f, STATUS) & 0x61, 0x61);
	assert_int_equal(in8(f, DATA), 0xfe);
}

static void status_tells_command_from_data(void **state)
{
	struct fixture *f = *state;

	out8(f, COMMAND, 0xae);
	assert_int_equal(in8(f, STATUS) & 0x08, 0x08);
	out8(f, DATA, 0x00);
	assert_int_equal(in8(f, STATUS) & 0x08, 0);
	assert_int_equal(in8(f, STATUS) & 0x04, 0x04); /* system flag of the configuration */
	out8(f, COMMAND, 0x60);
	out8(f, DATA, 0x00);
	assert_int_equal(in8(f, STATUS) & 0x04, 0);
	ask(f, 0xaa);
	assert_int_equal(in8(f, STATUS) & 0x04, 0x04);
	out8(f, COMMAND, 0xad);
	assert_int_equal(ask(f, 0x20) & 0x10, 0x10);
	out8(f, COMMAND, 0xae);
	assert_int_equal(ask(f, 0x20) & 0x10, 0);
	assert_int_equal(ask(f, 0xc0), 0x80);
	assert_int_equal(ask(f, 0xd0) & 3, 3);
}

static void a_new_command_forgets_the_one_that_waited(void **state)
{
	struct fixture *f = *state;
	uint8_t config = ask(f, 0x20);

	out8(f, COMMAND, 0x60);
	out8(f, COMMAND, 0xae);
	out8(f, DATA, 0x00); /* to the keyboard, not to the configuration */
	assert_int_equal(in8(f, DATA), 0xfe);
	assert_int_equal(ask(f, 0x20), config & ~0x10);
	out8(f, COMMAND, 0xd2);
	out8(f, DATA, 0x1c);
	assert_int_equal(in8(f, STATUS) & 0x61, 0x01);
	assert_int_equal(in8(f, DATA), 0x1c);
}

/* Draining loops of drivers must end, whatever was sent before. */
static void random_bytes_never_fill_it_for_good(void **state)
{
	struct fixture *f = *state;
	struct legacy_end end;

	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t r = fixture_random(f);

		assert_true(port_write(f, r & 1 ? DATA : COMMAND, 1, r >> 8, &end));
		assert_true(end.kind == LEGACY_NOT_ENDED || end.kind == LEGACY_RESET);
		assert_int_equal(in8(f, STATUS) & 2, 0);
		if (r & 2) {
			in8(f, DATA);
			assert_int_equal(in8(f, STATUS) & 1, 0);
			assert_false(f->line[1]);
		}
		assert_int_equal(f->line[1], f->board.i8042.irq_level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define LINES(t) cmocka_unit_test_setup_teardown(t, setup_lines, teardown)
		LINES(pulses_of_line_0_reset),
		LINES(linux_probe_finds_a_controller_and_nothing_plugged_in),
		LINES(a_keyboard_command_times_out_at_once),
		LINES(status_tells_command_from_data),
		LINES(a_new_command_forgets_the_one_that_waited),
		LINES(random_bytes_never_fill_it_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
