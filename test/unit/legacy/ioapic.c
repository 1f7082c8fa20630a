/* SPDX-License-Identifier: Apache-2.0 */
/* The IOAPIC: registers, message composition, level interrupts and their EOI. */
#include "fixture.h"

enum { LEVEL = 0x8000, MASKED = 0x10000, REMOTE_IRR = 0x4000 };

static uint8_t low(uint32_t pin)
{
	return (uint8_t)(0x10 + 2 * pin);
}

static uint8_t high(uint32_t pin)
{
	return (uint8_t)(0x11 + 2 * pin);
}

static void registers_read_as_drivers_expect(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ioapic_in(f, 0), 0);
	assert_int_equal(ioapic_in(f, 1), 0x00170020); /* 24 pins, EOI register */
	ioapic_out(f, 0, 0xffffffff);
	assert_int_equal(ioapic_in(f, 0), 0x0f000000);
	assert_int_equal(ioapic_in(f, 2), 0x0f000000); /* arbitration id */
	ioapic_out(f, 1, 0xffffffff);
	assert_int_equal(ioapic_in(f, 1), 0x00170020);
	for (uint32_t pin = 0; pin < 24; pin++) {
		assert_int_equal(ioapic_in(f, low(pin)), MASKED);
		assert_int_equal(ioapic_in(f, high(pin)), 0);
		ioapic_out(f, high(pin), 0xffffffff);
		ioapic_out(f, low(pin), 0xffffffff);
		assert_int_equal(ioapic_in(f, low(pin)), 0x1afff); /* status bits are the chip's */
		assert_int_equal(ioapic_in(f, high(pin)), 0xff000000);
	}
	for (uint32_t reg = 3; reg < 256; reg++) {
		if (reg >= 0x10 && reg < 0x40)
			continue;
		ioapic_out(f, (uint8_t)reg, 0xffffffff);
		assert_int_equal(ioapic_in(f, (uint8_t)reg), 0);
	}
	assert_int_equal(f->msis, 0);
}

static void other_widths_and_offsets_do_no_harm(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	ioapic_out(f, low(3), MASKED | 0x55);
	v = 0x11;
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x10, 1, true, &v); /* narrow data: not taken */
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x10, 2, true, &v);
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x12, 4, true, &v);
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0xfff, 4, true, &v);
	assert_int_equal(ioapic_in(f, low(3)), MASKED | 0x55);
	v = low(3);
	legacy_mmio(&f->board, X86_IOAPIC_BASE, 1, true, &v); /* a byte is enough of an index */
	legacy_mmio(&f->board, X86_IOAPIC_BASE, 4, false, &v);
	assert_int_equal(v, low(3));
	v = 0xffffffff00010066ull;
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x10, 8, true, &v);
	assert_int_equal(ioapic_in(f, low(3)), 0x10066);
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x20, 4, false, &v);
	assert_int_equal(v, 0);
	assert_true(legacy_mmio_claims(&f->board, X86_IOAPIC_BASE + 0xfff));
	assert_false(legacy_mmio_claims(&f->board, X86_IOAPIC_BASE + 0x1000));
	assert_false(legacy_mmio_claims(&f->board, X86_IOAPIC_BASE - 1));
	assert_false(legacy_mmio_claims(&f->board, UINT64_MAX));
}

static void an_edge_is_the_message_of_its_entry(void **state)
{
	static const struct {
		uint32_t high, low;
		uint64_t addr;
		uint32_t data;
	} rows[] = {
		{ 0, 0x31, 0xfee00000, 0x31 },
		{ 0x03000000, 0x31, 0xfee03000, 0x31 },
		{ 0xff000000, 0x9fe, 0xfeeff004, 0x1fe },  /* logical, lowest priority */
		{ 0x02000000, 0x400, 0xfee02000, 0x400 },  /* NMI: the vector does not matter */
		{ 0x02000000, 0x8400, 0xfee02000, 0x400 }, /* and it is an edge */
		{ 0x01000000, 0x500, 0xfee01000, 0x500 },  /* INIT */
		{ 0, 0x2031, 0xfee00000, 0x31 },	   /* active low: asserted is asserted */
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ioapic_out(f, high(i + 10), rows[i].high);
		ioapic_out(f, low(i + 10), rows[i].low);
		legacy_line(&f->board, i + 10, true);
		assert_int_equal(f->msis, i + 1);
		assert_true(f->msi_addr == rows[i].addr);
		assert_int_equal(f->msi_data, rows[i].data);
		legacy_line(&f->board, i + 10, true); /* no edge */
		legacy_line(&f->board, i + 10, false);
		assert_int_equal(f->msis, i + 1);
		assert_int_equal(ioapic_in(f, low(i + 10)) & REMOTE_IRR, 0);
	}
}

static void what_cannot_be_delivered_is_not(void **state)
{
	static const uint32_t lows[] = { 0x00, 0x0f, 0x10f, MASKED | 0x31, 0x231, 0x331, 0x631,
		0x731, 0x8731, 0x800f };
	struct fixture *f = *state;
	uint64_t addr;
	uint32_t data;
	bool level;

	for (uint32_t i = 0; i < sizeof lows / sizeof *lows; i++) {
		ioapic_out(f, low(20), lows[i]);
		legacy_pulse(&f->board, 20);
		assert_false(legacy_route(&f->board, 20, &addr, &data, &level));
		assert_int_equal(ioapic_in(f, low(20)), lows[i]);
	}
	legacy_pulse(&f->board, 24);
	legacy_line(&f->board, UINT32_MAX, true);
	assert_int_equal(f->msis, 0);
	assert_int_equal(f->routes, 0);
}

static void an_edge_on_a_masked_pin_is_lost(void **state)
{
	struct fixture *f = *state;

	ioapic_out(f, low(9), MASKED | 0x40);
	legacy_line(&f->board, 9, true);
	ioapic_out(f, low(9), 0x40);
	assert_int_equal(f->msis, 0);
	legacy_line(&f->board, 9, false);
	legacy_line(&f->board, 9, true);
	assert_int_equal(f->msis, 1);
}

static void a_level_comes_again_after_its_eoi(void **state)
{
	struct fixture *f = *state;

	ioapic_out(f, high(11), 0x01000000);
	ioapic_out(f, low(11), LEVEL | 0x50);
	legacy_line(&f->board, 11, true);
	assert_int_equal(f->msis, 1);
	assert_int_equal(f->msi_data, 0xc050); /* level, asserted */
	assert_int_equal(ioapic_in(f, low(11)), LEVEL | REMOTE_IRR | 0x50);
	legacy_line(&f->board, 11, false);
	legacy_line(&f->board, 11, true); /* in service: waits */
	assert_int_equal(f->msis, 1);
	legacy_eoi(&f->board, 0x51);
	assert_int_equal(f->msis, 1);
	legacy_eoi(&f->board, 0x50);
	assert_int_equal(f->msis, 2);
	assert_int_equal(ioapic_in(f, low(11)) & REMOTE_IRR, REMOTE_IRR);
	legacy_line(&f->board, 11, false);
	legacy_eoi(&f->board, 0x50);
	assert_int_equal(f->msis, 2);
	assert_int_equal(ioapic_in(f, low(11)) & REMOTE_IRR, 0);
	legacy_eoi(&f->board, 0x50);
	assert_int_equal(f->msis, 2);
}

/* Linux masks a threaded interrupt first and ends it masked: that must end it all the same. */
static void eoi_of_a_masked_level_counts(void **state)
{
	struct fixture *f = *state;
	uint64_t addr;
	uint32_t data;
	bool level;

	ioapic_out(f, low(11), LEVEL | 0x50);
	legacy_line(&f->board, 11, true);
	ioapic_out(f, low(11), MASKED | LEVEL | 0x50);
	assert_true(legacy_route(&f->board, 11, &addr, &data, &level)); /* so KVM reports the EOI */
	assert_true(level);
	legacy_eoi(&f->board, 0x50);
	assert_int_equal(f->msis, 1);
	assert_int_equal(ioapic_in(f, low(11)), MASKED | LEVEL | 0x50);
	ioapic_out(f, low(11), LEVEL | 0x50);
	assert_int_equal(f->msis, 2); /* the line is still up */
}

static void the_eoi_register_ends_it_too(void **state)
{
	struct fixture *f = *state;
	uint64_t v = 0x50;

	ioapic_out(f, low(11), LEVEL | 0x50);
	ioapic_out(f, low(12), LEVEL | 0x50); /* shares the vector */
	legacy_line(&f->board, 11, true);
	legacy_line(&f->board, 12, true);
	assert_int_equal(f->msis, 2);
	legacy_line(&f->board, 11, false);
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x40, 4, true, &v);
	assert_int_equal(f->msis, 3);
	assert_int_equal(ioapic_in(f, low(11)) & REMOTE_IRR, 0);
}

/* How drivers of version 0x11 end an interrupt: to edge and back. */
static void turning_to_edge_forgets_remote_irr(void **state)
{
	struct fixture *f = *state;

	ioapic_out(f, low(11), LEVEL | 0x50);
	legacy_line(&f->board, 11, true);
	ioapic_out(f, low(11), MASKED | 0x50);
	assert_int_equal(ioapic_in(f, low(11)), MASKED | 0x50);
	assert_int_equal(f->msis, 1);
	ioapic_out(f, low(11), LEVEL | 0x50);
	assert_int_equal(f->msis, 2);
	assert_int_equal(ioapic_in(f, low(11)) & REMOTE_IRR, REMOTE_IRR);
	ioapic_out(f, low(11), LEVEL | 0x50); /* a rewrite keeps it */
	assert_int_equal(f->msis, 2);
	assert_int_equal(ioapic_in(f, low(11)) & REMOTE_IRR, REMOTE_IRR);
}

static void routes_are_told_only_for_level_changes(void **state)
{
	struct fixture *f = *state;
	uint64_t addr;
	uint32_t data;
	bool level;

	ioapic_out(f, low(5), 0x41);
	ioapic_out(f, low(5), MASKED | 0x42);
	ioapic_out(f, high(5), 0x01000000);
	assert_int_equal(f->routes, 0);
	ioapic_out(f, low(5), 0x42);
	assert_true(legacy_route(&f->board, 5, &addr, &data, &level));
	assert_true(addr == 0xfee01000 && data == 0x42 && !level);
	ioapic_out(f, low(5), LEVEL | 0x42);
	assert_int_equal(f->routes, 1);
	assert_true(legacy_route(&f->board, 5, &addr, &data, &level));
	assert_true(addr == 0xfee01000 && data == 0xc042 && level);
	ioapic_out(f, low(5), LEVEL | MASKED | 0x42);
	ioapic_out(f, low(5), LEVEL | 0x42);
	assert_int_equal(f->routes, 1); /* masks change nothing about EOI */
	ioapic_out(f, high(5), 0x02000000);
	assert_int_equal(f->routes, 2);
	ioapic_out(f, low(5), LEVEL | 0x43);
	assert_int_equal(f->routes, 3);
	ioapic_out(f, low(5), MASKED);
	assert_int_equal(f->routes, 4);
	assert_false(legacy_route(&f->board, 5, &addr, &data, &level));
	ioapic_out(f, low(5), 0x951); /* logical, lowest priority */
	assert_true(legacy_route(&f->board, 5, &addr, &data, &level));
	assert_true(addr == 0xfee02004 && data == 0x151 && !level);
	ioapic_out(f, low(5), 0x451); /* an NMI has no EOI */
	assert_false(legacy_route(&f->board, 5, &addr, &data, &level));
	assert_false(legacy_route(&f->board, 24, &addr, &data, &level));
	assert_false(legacy_route(&f->board, UINT32_MAX, &addr, &data, &level));
}

static void random_accesses_stay_in_range(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 300000; i++) {
		uint32_t r = fixture_random(f);
		uint64_t v = (uint64_t)fixture_random(f) << 32 | fixture_random(f), addr;
		uint32_t data;
		bool level;

		switch (r & 7) {
		case 0:
			legacy_mmio(&f->board, X86_IOAPIC_BASE + (r >> 8 & 0xfff),
				1u << (r >> 3 & 3), true, &v);
			break;
		case 1:
			legacy_mmio(&f->board, X86_IOAPIC_BASE + (r >> 8 & 0xfff),
				1u << (r >> 3 & 3), false, &v);
			break;
		case 2:
		case 3:
			ioapic_out(f, (uint8_t)(r >> 8 & 0x7f), (uint32_t)v);
			break;
		case 4:
			legacy_eoi(&f->board, (uint8_t)(r >> 8));
			break;
		default:
			legacy_line(&f->board, r >> 8 & 31, r >> 16 & 1);
			break;
		}
		if (legacy_route(&f->board, r >> 24 & 31, &addr, &data, &level))
			assert_true(
				(data & 0xff) >= 16 && addr >> 20 == 0xfee && !(data & ~0xc1ffu));
		if (f->msis)
			assert_true(f->msi_addr >> 20 == 0xfee && !(f->msi_data & ~0xc5ffu));
	}
	assert_true(f->msis > 1000);
}

static void absent_without_an_irqchip_of_ours(void **state)
{
	struct fixture *f = *state;
	uint64_t v = 7;

	assert_false(legacy_mmio_claims(&f->board, X86_IOAPIC_BASE));
	legacy_mmio(&f->board, X86_IOAPIC_BASE, 4, false, &v);
	assert_int_equal(v, 7);
	legacy_eoi(&f->board, 0x30);
	assert_int_equal(f->msis + f->routes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OWN(t) cmocka_unit_test_setup_teardown(t, setup_own, teardown)
		OWN(registers_read_as_drivers_expect),
		OWN(other_widths_and_offsets_do_no_harm),
		OWN(an_edge_is_the_message_of_its_entry),
		OWN(what_cannot_be_delivered_is_not),
		OWN(an_edge_on_a_masked_pin_is_lost),
		OWN(a_level_comes_again_after_its_eoi),
		OWN(eoi_of_a_masked_level_counts),
		OWN(the_eoi_register_ends_it_too),
		OWN(turning_to_edge_forgets_remote_irr),
		OWN(routes_are_told_only_for_level_changes),
		OWN(random_accesses_stay_in_range),
		cmocka_unit_test_setup_teardown(
			absent_without_an_irqchip_of_ours, setup_lines, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
