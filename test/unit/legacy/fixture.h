/* SPDX-License-Identifier: Apache-2.0 */
/* A board with all that it talks to faked and recorded, on a clock that only the test moves. */
#ifndef TEST_LEGACY_FIXTURE_H
#define TEST_LEGACY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "legacy.h"

enum { FIXTURE_OUTPUT = 64 };

struct fixture {
	struct legacy_board board;
	uint64_t now;
	int64_t realtime;
	uint8_t output[FIXTURE_OUTPUT];
	size_t output_len; /* all that came; `output` keeps the first */
	uint32_t msis, intrs, routes, arms;
	uint64_t msi_addr;
	uint32_t msi_data;
	bool intr;
	uint64_t armed;
	uint32_t line_changes[24];
	bool line[24]; /* full irqchip */
	uint32_t seed;
};

/* 2026-03-09 12:34:56 UTC, a Monday */
#define FIXTURE_REALTIME 1773059696ll

extern const struct legacy_ops fixture_ops;

void fixture_init(struct fixture *f, enum legacy_irqchip irqchip);
uint32_t fixture_random(struct fixture *f);

/* Byte accesses, which must be claimed and not end the guest. */
uint8_t in8(struct fixture *f, uint16_t port);
void out8(struct fixture *f, uint16_t port, uint8_t value);
/* Any access; claimed or not. */
bool port_read(struct fixture *f, uint16_t port, uint32_t width, uint32_t *value);
bool port_write(
	struct fixture *f, uint16_t port, uint32_t width, uint32_t value, struct legacy_end *end);

uint32_t ioapic_in(struct fixture *f, uint8_t reg);
void ioapic_out(struct fixture *f, uint8_t reg, uint32_t value);

/* Moves the clock on, calling legacy_timer at each armed deadline on the way. Returns how often. */
uint32_t fixture_advance(struct fixture *f, uint64_t ns);

/* cmocka set-up functions: *state is a fresh struct fixture. */
int setup_own(void **state);
int setup_lines(void **state);
int setup_none(void **state);
int teardown(void **state);

#endif
