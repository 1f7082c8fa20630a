/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the board asks of its chips. A chip decodes only byte accesses: `port` is one that board.c's
 * table gives it. The reset of a chip leaves it as a PC's firmware would hand it over, raising no
 * line. A walk runs on a copy of the board: it calls no op but now(), and x_resume does so after a
 * load.
 */
#ifndef LEGACY_CHIPS_H
#define LEGACY_CHIPS_H

#include "legacy.h"

enum { GSI_TIMER = 0, GSI_KEYBOARD = 1 };

void serial_reset(struct legacy_board *b);
uint8_t serial_read(struct legacy_board *b, uint16_t port);
void serial_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
void serial_walk(struct legacy_board *b, struct ukvmm_state *s);
bool serial_line_level(const struct legacy_board *b); /* what the chip drives on its line */

void i8042_reset(struct legacy_board *b);
uint8_t i8042_read(struct legacy_board *b, uint16_t port);
void i8042_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
void i8042_walk(struct legacy_board *b, struct ukvmm_state *s);
bool i8042_line_level(const struct legacy_board *b);

void rtc_reset(struct legacy_board *b);
uint8_t rtc_read(struct legacy_board *b, uint16_t port);
void rtc_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
void rtc_walk(struct legacy_board *b, struct ukvmm_state *s);

void pic_reset(struct legacy_board *b);
uint8_t pic_read(struct legacy_board *b, uint16_t port);
void pic_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
uint8_t pic_elcr_read(struct legacy_board *b, uint16_t port);
void pic_elcr_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
void pic_line(struct legacy_board *b, uint32_t irq, bool level); /* irq 0-15 */
void pic_walk(struct legacy_board *b, struct ukvmm_state *s);

void pit_reset(struct legacy_board *b);
uint8_t pit_read(struct legacy_board *b, uint16_t port);
void pit_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
uint8_t pit_port61_read(struct legacy_board *b, uint16_t port);
void pit_port61_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
void pit_timer(struct legacy_board *b);
void pit_walk(struct legacy_board *b, struct ukvmm_state *s);
void pit_resume(struct legacy_board *b);

void ioapic_reset(struct legacy_board *b);
uint32_t ioapic_read(const struct legacy_board *b, uint32_t off);
void ioapic_write(struct legacy_board *b, uint32_t off, uint32_t value);
void ioapic_line(struct legacy_board *b, uint32_t pin, bool level); /* pin 0-23 */
void ioapic_walk(struct legacy_board *b, struct ukvmm_state *s);
void ioapic_resume(struct legacy_board *b);

/* Ports of any width whose only use is to end the guest. Answers like legacy_port. */
bool exits_port(struct legacy_board *b, uint16_t port, uint32_t width, bool write, uint32_t *value,
	struct legacy_end *end);

#endif
