/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to switch off, as a table, and what must not end a guest. */
#include "fixture.h"

enum { NO_STATUS = -1 };

static void every_exit_port_ends_with_its_status(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t width;
		uint32_t value;
		enum legacy_end_kind kind;
		int64_t status;
	} rows[] = {
		{ 0x501, 1, 0, LEGACY_POWEROFF, 0 },
		{ 0x501, 1, 1, LEGACY_POWEROFF, 1 },
		{ 0x501, 1, 41, LEGACY_POWEROFF, 41 },
		{ 0x501, 1, 0xdeadbe2a, LEGACY_POWEROFF, 0x2a },
		{ 0x501, 2, 41, LEGACY_POWEROFF, NO_STATUS }, /* Solo5, Unikraft: off */
		{ 0x501, 2, 0xffff0029, LEGACY_POWEROFF, NO_STATUS },
		{ 0x501, 2, 42, LEGACY_POWEROFF, 42 }, /* Unikraft: crash */
		{ 0x501, 2, 0x1234, LEGACY_POWEROFF, 0x1234 },
		{ 0x604, 2, 0x2000, LEGACY_POWEROFF, NO_STATUS },
		{ 0x604, 2, 0x3401, LEGACY_POWEROFF,
			NO_STATUS }, /* SLP_TYP 5 and SCI_EN beside it */
		{ 0x604, 4, 0x2000, LEGACY_POWEROFF, NO_STATUS },
		{ 0x600, 1, 0x34, LEGACY_POWEROFF, NO_STATUS },
		{ 0x505, 1, 1, LEGACY_PANIC, 1 },
		{ 0x505, 1, 3, LEGACY_PANIC, 1 },
		{ 0xf4, 4, 0, LEGACY_POWEROFF, 1 }, /* Hermit: 1 is success */
		{ 0xf4, 4, 1, LEGACY_POWEROFF, 0 },
		{ 0xf4, 4, 2, LEGACY_POWEROFF, 2 },
		{ 0xf4, 4, 0x107, LEGACY_POWEROFF, 7 },
		{ 0xb004, 2, 0x2000, LEGACY_POWEROFF, NO_STATUS },
		{ 0x64, 1, 0xfe, LEGACY_RESET, NO_STATUS },
		{ 0x92, 1, 0x03, LEGACY_RESET, NO_STATUS },
		{ 0xcf9, 1, 0x06, LEGACY_RESET, NO_STATUS },
		{ 0xcf9, 1, 0x0e, LEGACY_RESET, NO_STATUS },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct legacy_end end;

		assert_true(port_write(f, rows[i].port, rows[i].width, rows[i].value, &end));
		assert_int_equal(end.kind, rows[i].kind);
		assert_int_equal(end.has_status, rows[i].status != NO_STATUS);
		if (end.has_status)
			assert_int_equal(end.status, rows[i].status);
	}
}

static void harmless_writes_do_not_end_it(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t width;
		uint32_t value;
		bool claimed;
	} rows[] = {
		{ 0x501, 4, 0x1000, false }, /* a Solo5 hvt hypercall */
		{ 0x500, 2, 0x2929, false },
		{ 0x604, 2, 0x1c01, true }, /* sleep type without SLP_EN */
		{ 0x604, 4, 0x20000000, true },
		{ 0x604, 1, 0x20, false },
		{ 0x600, 1, 0x14, true },
		{ 0x600, 4, 0x20, false }, /* a Solo5 hvt ring kick */
		{ 0x601, 1, 0x80, true },
		{ 0x505, 1, 0xfe, true },
		{ 0x505, 2, 1, false },
		{ 0xf4, 1, 1, false },
		{ 0xf4, 2, 1, false },
		{ 0xb004, 2, 0x0001, true },
		{ 0xb004, 1, 0x20, false },
		{ 0x92, 1, 0x02, true }, /* A20 */
		{ 0xcf9, 1, 0x02, true },
		{ 0xcf8, 4, 0x80000604, false }, /* PCI configuration: 0xcf9 lies within it */
		{ 0xcf9, 2, 0x06, false },
		{ 0x64, 1, 0xff, true },
		{ 0x63, 2, 0xfe00, false },
		{ 0x3f0, 1, 123, false }, /* OSv's boot marker */
		{ 0x80, 1, 0xfe, false },
	};
	struct fixture *f = *state;

	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct legacy_end end;

		assert_int_equal(port_write(f, rows[i].port, rows[i].width, rows[i].value, &end),
			rows[i].claimed);
		assert_int_equal(end.kind, LEGACY_NOT_ENDED);
	}
}

static bool shuts_down(struct fixture *f, const char *text)
{
	struct legacy_end end = { 0 };

	for (; *text; text++) {
		assert_int_equal(end.kind, LEGACY_NOT_ENDED);
		assert_true(port_write(f, 0x8900, 1, (uint8_t)*text, &end));
	}
	assert_false(end.has_status);
	return end.kind == LEGACY_POWEROFF;
}

static void the_word_shutdown_ends_it(void **state)
{
	struct fixture *f = *state;

	assert_true(shuts_down(f, "Shutdown"));
	assert_true(shuts_down(f, "Shutdown")); /* and is forgotten */
	assert_false(shuts_down(f, "shutdown"));
	assert_false(shuts_down(f, "Shut"));
	assert_false(shuts_down(f, "Shutdow"));
	assert_true(shuts_down(f, "n"));
	assert_true(shuts_down(f, "ShutShutdown"));
	assert_true(shuts_down(f, "SShutdown"));
	assert_false(shuts_down(f, "Shut down"));
	assert_false(shuts_down(f, "own"));
}

static void reads_are_what_drivers_hope_for(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t width;
		uint32_t value;
	} rows[] = {
		{ 0x604, 2, 1 }, /* SCI_EN: in ACPI mode */
		{ 0x604, 4, 1 },
		{ 0x600, 1, 0 },
		{ 0x601, 1, 0 },
		{ 0x505, 1, 1 }, /* pvpanic offers "panicked" */
		{ 0x92, 1, 2 },	 /* A20 is on */
		{ 0xcf9, 1, 0 },
	};
	static const uint16_t absent[] = { 0x501, 0xf4, 0xcf8, 0xcfc, 0x2f8, 0x3e8, 0x80, 0xb004,
		0x8900, 0x3c0, 0xffff };
	struct fixture *f = *state;
	uint32_t v;

	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(port_read(f, rows[i].port, rows[i].width, &v));
		assert_int_equal(v, rows[i].value);
	}
	for (uint32_t i = 0; i < sizeof absent / sizeof *absent; i++) {
		v = 0x12345678;
		assert_false(port_read(f, absent[i], 1, &v));
		assert_false(port_read(f, absent[i], 4, &v));
		assert_int_equal(v, 0x12345678); /* the caller answers */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define NONE(t) cmocka_unit_test_setup_teardown(t, setup_none, teardown)
		NONE(every_exit_port_ends_with_its_status),
		NONE(harmless_writes_do_not_end_it),
		NONE(the_word_shutdown_ends_it),
		NONE(reads_are_what_drivers_hope_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
