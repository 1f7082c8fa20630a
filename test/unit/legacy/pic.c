/* SPDX-License-Identifier: Apache-2.0 */
/* The two 8259As: 8259A data sheet, and what Unikraft and Linux do with them. */
#include "fixture.h"

enum { MASTER = 0x20, SLAVE = 0xa0, ELCR = 0x4d0 };

/* As Unikraft, Solo5 and rumprun do: vectors 32 and 40, everything masked but what `mask` leaves
 * open. */
static void initialise(struct fixture *f, uint8_t icw4, uint16_t mask)
{
	static const uint16_t ports[2] = { MASTER, SLAVE };

	for (uint32_t i = 0; i < 2; i++) {
		out8(f, ports[i], 0x11);
		out8(f, ports[i] + 1, (uint8_t)(32 + 8 * i));
		out8(f, ports[i] + 1, i ? 2 : 4);
		out8(f, ports[i] + 1, icw4);
		out8(f, ports[i] + 1, (uint8_t)(mask >> 8 * i));
	}
}

static uint8_t in_service(struct fixture *f, uint16_t chip)
{
	out8(f, chip, 0x0b);
	return in8(f, chip);
}

static uint8_t requested(struct fixture *f, uint16_t chip)
{
	out8(f, chip, 0x0a);
	return in8(f, chip);
}

static void deaf_until_initialised(void **state)
{
	struct fixture *f = *state;

	for (uint32_t gsi = 0; gsi < 24; gsi++)
		legacy_pulse(&f->board, gsi);
	assert_int_equal(f->intrs, 0);
	assert_false(legacy_intr(&f->board));
	assert_int_equal(in8(f, MASTER + 1), 0xff); /* Linux looks whether the mask is there */
	assert_int_equal(in8(f, SLAVE + 1), 0xff);
	out8(f, MASTER + 1, 0xfb);
	assert_int_equal(in8(f, MASTER + 1), 0xfb);
}

static void unikraft_takes_a_timer_tick(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0xfffe);
	legacy_pulse(&f->board, 0);
	assert_true(f->intr && legacy_intr(&f->board));
	assert_int_equal(legacy_intack(&f->board), 32);
	assert_false(f->intr);
	assert_int_equal(in_service(f, MASTER), 1);
	legacy_pulse(&f->board, 0); /* the next one waits for the end of this */
	assert_false(f->intr);
	out8(f, MASTER, 0x20);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 32);
	out8(f, MASTER, 0x20);
	assert_int_equal(in_service(f, MASTER), 0);
	assert_false(legacy_intr(&f->board));
}

static void every_line_has_its_vector(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	for (uint32_t gsi = 0; gsi < 16; gsi++) {
		legacy_pulse(&f->board, gsi);
		if (gsi == 2) { /* the cascade: no device */
			assert_false(f->intr);
			continue;
		}
		assert_true(f->intr);
		assert_int_equal(legacy_intack(&f->board), 32 + gsi);
		assert_int_equal(in_service(f, MASTER), gsi < 8 ? 1 << gsi : 4);
		assert_int_equal(in_service(f, SLAVE), gsi < 8 ? 0 : 1 << (gsi - 8));
		if (gsi >= 8)
			out8(f, SLAVE, 0x20);
		out8(f, MASTER, 0x20);
	}
	legacy_pulse(&f->board, 16);
	assert_false(f->intr);
}

static void higher_priority_interrupts_lower(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	legacy_pulse(&f->board, 5);
	assert_int_equal(legacy_intack(&f->board), 37);
	legacy_pulse(&f->board, 6);
	assert_false(f->intr);
	legacy_pulse(&f->board, 9); /* slave inputs rank as input 2 */
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 41);
	legacy_pulse(&f->board, 8); /* higher on the slave, but the master holds its input back */
	assert_false(f->intr);
	legacy_pulse(&f->board, 1);
	assert_int_equal(legacy_intack(&f->board), 33);
	assert_int_equal(in_service(f, MASTER), 0x26);
	out8(f, MASTER, 0x20); /* ends the highest: 1 */
	assert_int_equal(in_service(f, MASTER), 0x24);
	out8(f, MASTER, 0x65); /* specific: 5 */
	assert_int_equal(in_service(f, MASTER), 0x04);
	out8(f, MASTER, 0x20);
	assert_true(f->intr); /* now 8 */
	assert_int_equal(legacy_intack(&f->board), 40);
}

static void two_slave_requests_follow_each_other(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	legacy_pulse(&f->board, 14);
	legacy_pulse(&f->board, 10);
	assert_int_equal(legacy_intack(&f->board), 42);
	out8(f, SLAVE, 0x20);
	out8(f, MASTER, 0x20);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 46);
	out8(f, SLAVE, 0x20);
	out8(f, MASTER, 0x20);
	assert_false(f->intr);
	assert_int_equal(requested(f, MASTER), 0);
}

static void special_fully_nested_lets_the_slave_interrupt_itself(void **state)
{
	struct fixture *f = *state;

	initialise(f, 0x11, 0);
	legacy_pulse(&f->board, 12);
	assert_int_equal(legacy_intack(&f->board), 44);
	legacy_pulse(&f->board, 13);
	assert_false(f->intr);
	legacy_pulse(&f->board, 11);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 43);
	assert_int_equal(in_service(f, SLAVE), 0x18);
}

static void an_edge_counts_once_and_survives_its_mask(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0xffff);
	legacy_line(&f->board, 5, true);
	legacy_line(&f->board, 5, true);
	assert_false(f->intr);
	assert_int_equal(requested(f, MASTER), 0x20);
	out8(f, MASTER + 1, 0xdf);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 37);
	out8(f, MASTER, 0x20);
	assert_false(f->intr); /* still high, but no new edge */
	legacy_line(&f->board, 5, false);
	legacy_line(&f->board, 5, true);
	assert_true(f->intr);
}

static void a_level_asks_while_it_is_up(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	out8(f, ELCR + 1, 0x08); /* 11 */
	legacy_line(&f->board, 11, true);
	assert_int_equal(legacy_intack(&f->board), 43);
	out8(f, SLAVE, 0x20);
	out8(f, MASTER, 0x20);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 43);
	legacy_line(&f->board, 11, false);
	out8(f, SLAVE, 0x20);
	out8(f, MASTER, 0x20);
	assert_false(f->intr);
	legacy_line(&f->board, 11, true);
	assert_true(f->intr);
	legacy_line(&f->board, 11, false); /* withdrawn before anyone asked */
	assert_false(f->intr);
	legacy_line(&f->board, 10, true); /* an edge turned into a level and back */
	legacy_line(&f->board, 10, false);
	out8(f, ELCR + 1, 0x0c);
	assert_false(f->intr);
}

static void elcr_keeps_only_what_may_be_level(void **state)
{
	struct fixture *f = *state;

	out8(f, ELCR, 0xff);
	out8(f, ELCR + 1, 0xff);
	assert_int_equal(in8(f, ELCR), 0xf8);
	assert_int_equal(in8(f, ELCR + 1), 0xde);
}

static void an_interrupt_withdrawn_is_spurious_7(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	legacy_pulse(&f->board, 3);
	out8(f, MASTER + 1, 0x08);
	assert_false(f->intr);
	assert_int_equal(legacy_intack(&f->board), 39);
	assert_int_equal(in_service(f, MASTER), 0);
	assert_int_equal(requested(f, MASTER), 0x08);
}

static void auto_eoi_leaves_nothing_in_service(void **state)
{
	struct fixture *f = *state;

	initialise(f, 0x03, 0);
	legacy_pulse(&f->board, 4);
	legacy_pulse(&f->board, 6);
	assert_int_equal(legacy_intack(&f->board), 36);
	assert_int_equal(in_service(f, MASTER), 0);
	assert_true(f->intr); /* told again, though it never went away for us */
	assert_int_equal(legacy_intack(&f->board), 38);
	out8(f, MASTER, 0x80); /* rotate in auto EOI */
	legacy_pulse(&f->board, 4);
	assert_int_equal(legacy_intack(&f->board), 36); /* 5 is the highest now, 4 the lowest */
	legacy_pulse(&f->board, 4);
	legacy_pulse(&f->board, 7);
	assert_int_equal(legacy_intack(&f->board), 39);
	out8(f, MASTER, 0x00); /* no longer: 0 stays the highest since 7 was served */
	assert_int_equal(legacy_intack(&f->board), 36);
	legacy_pulse(&f->board, 5);
	legacy_pulse(&f->board, 0);
	assert_int_equal(legacy_intack(&f->board), 32);
	assert_int_equal(legacy_intack(&f->board), 37);
}

static void priorities_rotate(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	legacy_pulse(&f->board, 4);
	assert_int_equal(legacy_intack(&f->board), 36);
	out8(f, MASTER, 0xc4); /* 4 is the lowest, 5 the highest */
	assert_int_equal(in_service(f, MASTER), 0x10); /* and not ended by it */
	out8(f, MASTER, 0x64);
	legacy_pulse(&f->board, 3);
	legacy_pulse(&f->board, 6);
	assert_int_equal(legacy_intack(&f->board), 38);
	out8(f, MASTER, 0xa0); /* rotate on non-specific EOI: 6 is the lowest */
	assert_int_equal(legacy_intack(&f->board), 35);
	legacy_pulse(&f->board, 7);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 39);
	out8(f, MASTER, 0xe3); /* rotate on specific EOI */
	assert_int_equal(in_service(f, MASTER), 0x80);
	out8(f, MASTER, 0x40); /* no operation */
	assert_int_equal(in_service(f, MASTER), 0x80);
	out8(f, MASTER, 0x20);
	out8(f, MASTER, 0x20); /* nothing left to end */
	legacy_pulse(&f->board, 3);
	legacy_pulse(&f->board, 4);
	assert_int_equal(legacy_intack(&f->board), 36);
}

static void special_mask_mode_lets_lower_ones_through(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	legacy_pulse(&f->board, 4);
	assert_int_equal(legacy_intack(&f->board), 36);
	legacy_pulse(&f->board, 6);
	assert_false(f->intr);
	out8(f, MASTER + 1, 0x10);
	out8(f, MASTER, 0x68); /* set special mask mode */
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 38);
	out8(f, MASTER, 0x20); /* passes over the masked 4 */
	assert_int_equal(in_service(f, MASTER), 0x10);
	out8(f, MASTER, 0x48);
	legacy_pulse(&f->board, 6);
	assert_false(f->intr);
}

static void ocw3_changes_only_what_it_names(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	legacy_pulse(&f->board, 4);
	assert_int_equal(legacy_intack(&f->board), 36);
	assert_int_equal(in_service(f, MASTER), 0x10);
	out8(f, MASTER, 0x68); /* special mask mode: the register to read stays */
	assert_int_equal(in8(f, MASTER), 0x10);
	out8(f, MASTER, 0x08); /* nothing at all: the mode stays */
	out8(f, MASTER + 1, 0x10);
	legacy_pulse(&f->board, 6);
	assert_true(f->intr);
	out8(f, MASTER, 0x0c);
	out8(f, MASTER, 0x08); /* takes the poll back */
	assert_int_equal(in8(f, MASTER), 0x10);
}

static void initialisation_takes_modes_and_priorities_back(void **state)
{
	struct fixture *f = *state;

	initialise(f, 0x13, 0xffef); /* auto EOI, special fully nested */
	out8(f, MASTER, 0x80);
	out8(f, MASTER, 0x68);
	out8(f, MASTER, 0xc4); /* 5 is the highest */
	out8(f, MASTER, 0x10); /* cascade, no ICW4 */
	out8(f, MASTER + 1, 0x20);
	out8(f, MASTER + 1, 0x04);
	assert_int_equal(in8(f, MASTER + 1), 0);
	legacy_pulse(&f->board, 5);
	legacy_pulse(&f->board, 4);
	assert_int_equal(legacy_intack(&f->board), 36);
	assert_int_equal(in_service(f, MASTER), 0x10); /* no auto EOI */
	out8(f, MASTER + 1, 0x10);
	assert_false(f->intr); /* no special mask mode */
	out8(f, MASTER, 0x11);
	assert_int_equal(in_service(f, MASTER), 0); /* nor anything in service */
	assert_int_equal(f->board.pic.chip[0].init_step, 2);
	out8(f, MASTER, 0x20); /* commands are commands meanwhile */
	out8(f, MASTER + 1, 0x48);
	out8(f, MASTER, 0x11); /* and start it over */
	out8(f, MASTER + 1, 0x50);
	out8(f, MASTER + 1, 0x04);
	out8(f, MASTER + 1, 0x01);
	legacy_pulse(&f->board, 1);
	assert_int_equal(legacy_intack(&f->board), 0x51);
}

static void poll_acknowledges_by_reading(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	out8(f, MASTER, 0x0c);
	assert_int_equal(in8(f, MASTER) & 0x80, 0);
	legacy_pulse(&f->board, 9);
	out8(f, MASTER, 0x0c);
	assert_int_equal(in8(f, MASTER + 1), 0x82);
	assert_false(f->intr);
	assert_int_equal(in8(f, MASTER + 1), 0); /* one read only: the mask again */
	out8(f, SLAVE, 0x0c);
	assert_int_equal(in8(f, SLAVE), 0x81);
	assert_int_equal(in_service(f, SLAVE), 0x02);
	assert_int_equal(in_service(f, MASTER), 0x04);
}

static void initialisation_forgets_all_but_the_lines(void **state)
{
	struct fixture *f = *state;

	initialise(f, 1, 0);
	out8(f, ELCR, 0x80);
	legacy_line(&f->board, 5, true);
	legacy_line(&f->board, 7, true);
	legacy_pulse(&f->board, 0);
	assert_int_equal(legacy_intack(&f->board), 32);
	out8(f, MASTER, 0xc3);
	out8(f, MASTER, 0x0b);
	out8(f, MASTER, 0x13);			/* single: no ICW3 */
	assert_int_equal(in8(f, MASTER), 0x80); /* IRR: the level; neither the edges nor ISR */
	assert_false(f->intr);			/* not while it is half set up */
	out8(f, MASTER + 1, 0x57);
	assert_false(f->intr);
	out8(f, MASTER + 1, 0x01);
	assert_true(f->intr);
	assert_int_equal(legacy_intack(&f->board), 0x57);
	assert_int_equal(in8(f, MASTER + 1), 0);
	legacy_line(&f->board, 5, true); /* was up all the time */
	assert_false(f->intr);
	out8(f, MASTER, 0x12); /* neither ICW3 nor ICW4 */
	out8(f, MASTER + 1, 0x60);
	out8(f, MASTER + 1, 0xff); /* already the mask */
	assert_int_equal(in8(f, MASTER + 1), 0xff);
	assert_false(f->intr);
	out8(f, MASTER, 0x10); /* cascade, no ICW4 */
	out8(f, MASTER + 1, 0x20);
	out8(f, MASTER + 1, 0x04);
	out8(f, MASTER + 1, 0x7f);
	assert_int_equal(legacy_intack(&f->board), 0x27);
}

/* INTR as it was last told is INTR as it is, and acknowledging always ends. */
static void random_accesses_keep_intr_true(void **state)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	struct fixture *f = *state;
	struct legacy_end end;
	uint32_t v;

	for (uint32_t i = 0; i < 300000; i++) {
		uint32_t r = fixture_random(f);
		uint16_t port = ports[r % 6];

		switch (r >> 8 & 7) {
		case 0:
		case 1:
			assert_true(
				port_write(f, port, 1u << (r >> 12) % 3, fixture_random(f), &end));
			assert_int_equal(end.kind, LEGACY_NOT_ENDED);
			break;
		case 2:
			assert_true(port_read(f, port, 1u << (r >> 12) % 3, &v));
			break;
		case 3:
			legacy_intack(&f->board);
			break;
		default:
			legacy_line(&f->board, r >> 12 & 31, r >> 20 & 1);
			break;
		}
		assert_int_equal(f->intr, legacy_intr(&f->board));
		assert_true(f->board.pic.chip[0].first < 8 && f->board.pic.chip[1].first < 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OWN(t) cmocka_unit_test_setup_teardown(t, setup_own, teardown)
		OWN(deaf_until_initialised),
		OWN(unikraft_takes_a_timer_tick),
		OWN(every_line_has_its_vector),
		OWN(higher_priority_interrupts_lower),
		OWN(two_slave_requests_follow_each_other),
		OWN(special_fully_nested_lets_the_slave_interrupt_itself),
		OWN(an_edge_counts_once_and_survives_its_mask),
		OWN(a_level_asks_while_it_is_up),
		OWN(elcr_keeps_only_what_may_be_level),
		OWN(an_interrupt_withdrawn_is_spurious_7),
		OWN(auto_eoi_leaves_nothing_in_service),
		OWN(priorities_rotate),
		OWN(special_mask_mode_lets_lower_ones_through),
		OWN(ocw3_changes_only_what_it_names),
		OWN(initialisation_takes_modes_and_priorities_back),
		OWN(poll_acknowledges_by_reading),
		OWN(initialisation_forgets_all_but_the_lines),
		OWN(random_accesses_keep_intr_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
