/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways by which guests switch themselves off. Each is claimed only at the width that its users
 * write, as the same numbers mean other things at other widths (0x501 at 32 bits is a Solo5 hvt
 * hypercall).
 */
#include "chips.h"

enum {
	FAST_RESET = 0x92,  /* PS/2 system control port A */
	HERMIT_EXIT = 0xf4, /* QEMU isa-debug-exit, as Hermit uses it */
	DEBUG_EXIT = 0x501, /* the same, as Nanos, Solo5 and Unikraft use it */
	PVPANIC = 0x505,
	RESET_CONTROL = 0xcf9,	 /* PIIX */
	BOCHS_POWER = 0xb004,	 /* Bochs and old QEMU */
	BOCHS_SHUTDOWN = 0x8900, /* Bochs: the letters of "Shutdown" */
};

enum { DEBUG_EXIT_POWEROFF = 41, PM1_SLP_EN = 1 << 13, PM1_SCI_EN = 1, SLEEP_SLP_EN = 1 << 5 };
enum { A20_ON = 0x02, FAST_RESET_NOW = 0x01, RESET_CPU = 0x04, PANICKED = 0x01 };

static const char shutdown[8] = { 'S', 'h', 'u', 't', 'd', 'o', 'w', 'n' };

static void end_with(struct legacy_end *end, enum legacy_end_kind kind)
{
	end->kind = kind;
}

static void end_with_status(struct legacy_end *end, enum legacy_end_kind kind, uint32_t status)
{
	*end = (struct legacy_end){ .kind = kind, .has_status = true, .status = status };
}

/* A word of 41 is how Solo5 and Unikraft say "power off": no status of the program's. */
static void debug_exit(uint32_t width, uint32_t value, struct legacy_end *end)
{
	if (width == 2 && value == DEBUG_EXIT_POWEROFF)
		end_with(end, LEGACY_POWEROFF);
	else
		end_with_status(end, LEGACY_POWEROFF, value);
}

static void hermit_exit(uint32_t value, struct legacy_end *end)
{
	end_with_status(end, LEGACY_POWEROFF, value <= 1 ? !value : value & 0xff);
}

/* A wrong letter starts over, and may be the first of a new word. */
static void shutdown_letter(struct legacy_board *b, uint8_t letter, struct legacy_end *end)
{
	if (letter != (uint8_t)shutdown[b->shutdown_matched])
		b->shutdown_matched = 0;
	if (letter == (uint8_t)shutdown[b->shutdown_matched])
		b->shutdown_matched++;
	if (b->shutdown_matched < sizeof shutdown)
		return;
	b->shutdown_matched = 0;
	end_with(end, LEGACY_POWEROFF);
}

#define AT(port, width) ((uint32_t)(width) << 16 | (port))

static bool exits_write(struct legacy_board *b, uint32_t at, uint32_t value, struct legacy_end *end)
{
	switch (at) {
	case AT(DEBUG_EXIT, 1):
	case AT(DEBUG_EXIT, 2):
		debug_exit(at >> 16, value, end);
		return true;
	case AT(HERMIT_EXIT, 4):
		hermit_exit(value, end);
		return true;
	case AT(X86_PORT_PM1A_CNT, 2):
	case AT(X86_PORT_PM1A_CNT, 4):
		if (value & PM1_SLP_EN)
			end_with(end, LEGACY_POWEROFF);
		return true;
	case AT(X86_PORT_SLEEP_CONTROL, 1):
		if (value & SLEEP_SLP_EN)
			end_with(end, LEGACY_POWEROFF);
		return true;
	case AT(X86_PORT_SLEEP_STATUS, 1): /* clears a wake status that is never set */
		return true;
	case AT(PVPANIC, 1):
		if (value & PANICKED)
			end_with_status(end, LEGACY_PANIC, 1);
		return true;
	case AT(BOCHS_POWER, 2):
		if (value & PM1_SLP_EN)
			end_with(end, LEGACY_POWEROFF);
		return true;
	case AT(BOCHS_SHUTDOWN, 1):
		shutdown_letter(b, (uint8_t)value, end);
		return true;
	case AT(FAST_RESET, 1):
		if (value & FAST_RESET_NOW)
			end_with(end, LEGACY_RESET);
		return true;
	case AT(RESET_CONTROL, 1):
		if (value & RESET_CPU)
			end_with(end, LEGACY_RESET);
		return true;
	default:
		return false;
	}
}

/* Those that guests read before they write, or to find out what they may ask for. */
static bool exits_read(uint32_t at, uint32_t *value)
{
	switch (at) {
	case AT(X86_PORT_PM1A_CNT, 2):
	case AT(X86_PORT_PM1A_CNT, 4):
		*value = PM1_SCI_EN; /* ACPI mode: there is no other to leave */
		return true;
	case AT(X86_PORT_SLEEP_CONTROL, 1):
	case AT(X86_PORT_SLEEP_STATUS, 1):
	case AT(RESET_CONTROL, 1):
		*value = 0;
		return true;
	case AT(PVPANIC, 1):
		*value = PANICKED;
		return true;
	case AT(FAST_RESET, 1):
		*value = A20_ON;
		return true;
	default:
		return false;
	}
}

bool exits_port(struct legacy_board *b, uint16_t port, uint32_t width, bool write, uint32_t *value,
	struct legacy_end *end)
{
	if (write)
		return exits_write(b, AT(port, width), *value, end);
	return exits_read(AT(port, width), value);
}
