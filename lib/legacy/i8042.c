/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard controller (Intel 8042, IBM PC AT technical reference) with nothing plugged in:
 * controller commands are answered at once, a byte for a keyboard or mouse times out at once. That
 * is what lets an operating system's probe end quickly, and the pulse commands are how many guests
 * reset.
 */
#include "chips.h"

#include "walk.h"

enum { DATA = 0x60 };

enum {
	STATUS_FULL = 0x01,
	STATUS_SYSTEM = 0x04,
	STATUS_COMMAND = 0x08, /* the last write went to 0x64 */
	STATUS_UNLOCKED = 0x10,
	STATUS_MOUSE = 0x20,
	STATUS_TIMEOUT = 0x40,
	STATUS_ANSWER = STATUS_FULL | STATUS_MOUSE | STATUS_TIMEOUT,
	STATUS_KEPT = STATUS_ANSWER | STATUS_COMMAND,
};

enum {
	CONFIG_IRQ = 0x01,
	CONFIG_SYSTEM = 0x04,
	CONFIG_NO_KEYBOARD = 0x10,
	CONFIG_NO_MOUSE = 0x20,
	CONFIG_XLATE = 0x40
};

enum {
	READ_CONFIG = 0x20,
	WRITE_CONFIG = 0x60,
	MOUSE_OFF = 0xa7,
	MOUSE_ON = 0xa8,
	TEST_MOUSE = 0xa9,
	SELF_TEST = 0xaa,
	TEST_KEYBOARD = 0xab,
	KEYBOARD_OFF = 0xad,
	KEYBOARD_ON = 0xae,
	READ_INPUT = 0xc0,
	READ_OUTPUT = 0xd0,
	WRITE_OUTPUT = 0xd1,
	AS_KEYBOARD = 0xd2,
	AS_MOUSE = 0xd3,
	TO_MOUSE = 0xd4,
	PULSE = 0xf0, /* low nibble: the output lines that stay high */
};

enum {
	LINE_RESET = 0x01, /* output port: low resets the processor */
	LINE_A20 = 0x02,
	INPUT_UNLOCKED = 0x80,
	TEST_PASSED = 0x55,
	PORT_WORKS = 0x00,
	PORT_CLOCK_STUCK = 0x01,
	NO_ANSWER = 0xfe,
};

bool i8042_line_level(const struct legacy_board *b)
{
	return b->i8042.status & STATUS_FULL && b->i8042.config & CONFIG_IRQ;
}

static void update(struct legacy_board *b)
{
	bool level = i8042_line_level(b);

	if (b->i8042.irq_level == level)
		return;
	b->i8042.irq_level = level;
	legacy_line(b, GSI_KEYBOARD, level);
}

static void answer(struct legacy_board *b, uint8_t byte, uint8_t extra_status)
{
	struct legacy_i8042 *c = &b->i8042;

	c->output = byte;
	c->status = (uint8_t)((c->status & ~STATUS_ANSWER) | STATUS_FULL | extra_status);
	update(b);
}

static uint8_t read_data(struct legacy_board *b)
{
	b->i8042.status &= (uint8_t)~STATUS_ANSWER;
	update(b);
	return b->i8042.output;
}

uint8_t i8042_read(struct legacy_board *b, uint16_t port)
{
	const struct legacy_i8042 *c = &b->i8042;

	if (port == DATA)
		return read_data(b);
	return (uint8_t)(c->status | STATUS_UNLOCKED |
		(c->config & CONFIG_SYSTEM ? STATUS_SYSTEM : 0));
}

static void command(struct legacy_board *b, uint8_t value, struct legacy_end *end)
{
	struct legacy_i8042 *c = &b->i8042;

	c->command = 0;
	switch (value) {
	case READ_CONFIG:
		answer(b, c->config, 0);
		break;
	case MOUSE_OFF:
	case MOUSE_ON: /* there is none: the bit stays on, by which drivers notice */
		break;
	case TEST_MOUSE:
		answer(b, PORT_CLOCK_STUCK, 0);
		break;
	case SELF_TEST:
		c->config |= CONFIG_SYSTEM;
		answer(b, TEST_PASSED, 0);
		break;
	case TEST_KEYBOARD:
		answer(b, PORT_WORKS, 0);
		break;
	case KEYBOARD_OFF:
		c->config |= CONFIG_NO_KEYBOARD;
		break;
	case KEYBOARD_ON:
		c->config &= (uint8_t)~CONFIG_NO_KEYBOARD;
		break;
	case READ_INPUT:
		answer(b, INPUT_UNLOCKED, 0);
		break;
	case READ_OUTPUT:
		answer(b, LINE_RESET | LINE_A20, 0);
		break;
	case WRITE_CONFIG:
	case WRITE_OUTPUT:
	case AS_KEYBOARD:
	case AS_MOUSE:
	case TO_MOUSE:
		c->command = value;
		break;
	default:
		if (value >= PULSE && !(value & LINE_RESET))
			end->kind = LEGACY_RESET;
		break;
	}
}

static void data(struct legacy_board *b, uint8_t value, struct legacy_end *end)
{
	struct legacy_i8042 *c = &b->i8042;
	uint8_t wanted = c->command;

	c->command = 0;
	switch (wanted) {
	case WRITE_CONFIG:
		c->config = value | CONFIG_NO_MOUSE;
		update(b);
		break;
	case WRITE_OUTPUT:
		if (!(value & LINE_RESET))
			end->kind = LEGACY_RESET;
		break;
	case AS_KEYBOARD:
	case AS_MOUSE: /* without the mouse bit in the status: there is no mouse port */
		answer(b, value, 0);
		break;
	case TO_MOUSE:
		answer(b, NO_ANSWER, STATUS_MOUSE | STATUS_TIMEOUT);
		break;
	default:
		answer(b, NO_ANSWER, STATUS_TIMEOUT);
		break;
	}
}

void i8042_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	if (port == DATA) {
		b->i8042.status &= (uint8_t)~STATUS_COMMAND;
		data(b, value, end);
		return;
	}
	b->i8042.status |= STATUS_COMMAND;
	command(b, value, end);
}

/* Self test done, translation on, as firmware leaves it; interrupts wait for a driver. */
void i8042_reset(struct legacy_board *b)
{
	b->i8042 = (struct legacy_i8042){ 0 };
	b->i8042.config = CONFIG_SYSTEM | CONFIG_NO_MOUSE | CONFIG_XLATE;
}

void i8042_walk(struct legacy_board *b, struct ukvmm_state *s)
{
	struct legacy_i8042 *c = &b->i8042;
	uint8_t w;

	walk_begin(s, "i8042");
	walk_u8(s, &c->command, TO_MOUSE);
	walk_u8(s, &c->output, UINT8_MAX);
	walk_u8(s, &c->status, STATUS_KEPT);
	walk_u8(s, &c->config, UINT8_MAX);
	walk_u8(s, &b->shutdown_matched, 7);
	w = c->command;
	walk_require(s, !w || w == WRITE_CONFIG || (w >= WRITE_OUTPUT && w <= TO_MOUSE));
	walk_require(s, !(c->status & ~STATUS_KEPT));
	state_end(s);
}
