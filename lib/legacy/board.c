/* SPDX-License-Identifier: Apache-2.0 */
/* Which chip answers where, which line goes where, and the board's state as a whole. */
#include "chips.h"

#include "walk.h"

struct port_range {
	uint16_t first, last;
	bool own_irqchip; /* there only if the interrupt chips are ours */
	uint8_t (*read)(struct legacy_board *b, uint16_t port);
	void (*write)(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end);
};

static const struct port_range ranges[] = {
	{ X86_PORT_SERIAL, X86_PORT_SERIAL + 7, false, serial_read, serial_write },
	{ 0x20, 0x21, true, pic_read, pic_write },
	{ 0xa0, 0xa1, true, pic_read, pic_write },
	{ 0x4d0, 0x4d1, true, pic_elcr_read, pic_elcr_write },
	{ 0x40, 0x43, true, pit_read, pit_write },
	{ 0x61, 0x61, true, pit_port61_read, pit_port61_write },
	{ 0x60, 0x60, false, i8042_read, i8042_write },
	{ 0x64, 0x64, false, i8042_read, i8042_write },
	{ 0x70, 0x71, false, rtc_read, rtc_write },
};

static const struct port_range *range_of(const struct legacy_board *b, uint16_t port)
{
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		if (port >= ranges[i].first && port <= ranges[i].last)
			return ranges[i].own_irqchip && !b->own_irqchip ? NULL : &ranges[i];
	}
	return NULL;
}

static void write_bytes(struct legacy_board *b, uint16_t port, uint32_t width, uint32_t value,
	struct legacy_end *end)
{
	for (uint32_t i = 0; i < width && end->kind == LEGACY_NOT_ENDED; i++) {
		const struct port_range *r = range_of(b, (uint16_t)(port + i));

		if (r)
			r->write(b, (uint16_t)(port + i), (uint8_t)(value >> 8 * i), end);
	}
}

static uint32_t read_bytes(struct legacy_board *b, uint16_t port, uint32_t width)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < width; i++) {
		const struct port_range *r = range_of(b, (uint16_t)(port + i));
		uint32_t byte = r ? r->read(b, (uint16_t)(port + i)) : 0xff;

		value |= byte << 8 * i;
	}
	return value;
}

bool legacy_port(struct legacy_board *b, uint16_t port, uint32_t width, bool write, uint32_t *value,
	struct legacy_end *end)
{
	uint32_t mask = width < 4 ? (1u << 8 * width) - 1 : UINT32_MAX;

	*end = (struct legacy_end){ 0 };
	if (width != 1 && width != 2 && width != 4)
		return false;
	if (!range_of(b, port)) {
		uint32_t v = *value & mask;
		bool claimed = exits_port(b, port, width, write, &v, end);

		if (claimed && !write)
			*value = v;
		return claimed;
	}
	if (write)
		write_bytes(b, port, width, *value, end);
	else
		*value = read_bytes(b, port, width);
	return true;
}

bool legacy_mmio_claims(const struct legacy_board *b, uint64_t gpa)
{
	return b->own_irqchip && gpa >= X86_IOAPIC_BASE && gpa < X86_IOAPIC_BASE + X86_IOAPIC_SIZE;
}

/* Registers are 32 bits wide and take nothing narrower; a byte is enough for the index. */
void legacy_mmio(struct legacy_board *b, uint64_t gpa, uint32_t width, bool write, uint64_t *value)
{
	uint32_t off = (uint32_t)(gpa - X86_IOAPIC_BASE);

	if (!legacy_mmio_claims(b, gpa))
		return;
	if (!write)
		*value = ioapic_read(b, off);
	else if (!off || width >= 4)
		ioapic_write(b, off, (uint32_t)*value);
}

void legacy_line(struct legacy_board *b, uint32_t gsi, bool level)
{
	if (!b->has_lines || gsi >= X86_IOAPIC_PINS)
		return;
	if (!b->own_irqchip) {
		b->ops->line(b->ctx, gsi, level);
		return;
	}
	if (gsi < 16)
		pic_line(b, gsi, level);
	ioapic_line(b, gsi, level);
}

void legacy_pulse(struct legacy_board *b, uint32_t gsi)
{
	legacy_line(b, gsi, true);
	legacy_line(b, gsi, false);
}

void legacy_timer(struct legacy_board *b)
{
	if (b->own_irqchip)
		pit_timer(b);
}

static void reset_chips(struct legacy_board *b)
{
	serial_reset(b);
	i8042_reset(b);
	rtc_reset(b);
	pic_reset(b);
	pit_reset(b);
	ioapic_reset(b);
	b->shutdown_matched = 0;
}

void legacy_init(struct legacy_board *b, enum legacy_irqchip irqchip, const struct legacy_ops *ops,
	void *ctx)
{
	*b = (struct legacy_board){ .ops = ops,
		.ctx = ctx,
		.own_irqchip = irqchip == LEGACY_IRQCHIP_OWN,
		.has_lines = irqchip != LEGACY_IRQCHIP_NONE };
	reset_chips(b);
}

/* What the outside was last told is told anew where it no longer holds. */
void legacy_reset(struct legacy_board *b)
{
	bool armed = b->pit.irq_tick, intr = b->pic.intr;

	if (b->serial.irq_level)
		legacy_line(b, X86_GSI_SERIAL, false);
	if (b->i8042.irq_level)
		legacy_line(b, GSI_KEYBOARD, false);
	reset_chips(b);
	if (!b->own_irqchip)
		return;
	if (armed)
		b->ops->arm(b->ctx, 0);
	if (intr)
		b->ops->intr(b->ctx, false);
	b->ops->routes(b->ctx);
}

static int walk(struct legacy_board *b, struct ukvmm_state *s)
{
	serial_walk(b, s);
	rtc_walk(b, s);
	i8042_walk(b, s);
	if (b->own_irqchip) {
		pic_walk(b, s);
		pit_walk(b, s);
		ioapic_walk(b, s);
	}
	return s->error;
}

/* The chips' inputs follow what drives them, whatever a file says of both. That tells INTR, too. */
static void resume(struct legacy_board *b)
{
	b->serial.irq_level = serial_line_level(b);
	b->i8042.irq_level = i8042_line_level(b);
	legacy_line(b, X86_GSI_SERIAL, b->serial.irq_level);
	legacy_line(b, GSI_KEYBOARD, b->i8042.irq_level);
	if (!b->own_irqchip)
		return;
	pit_resume(b);
	ioapic_resume(b);
}

int legacy_walk(struct legacy_board *b, struct ukvmm_state *s)
{
	struct legacy_board loaded = *b;
	bool armed = b->pit.irq_tick;

	if (walk(&loaded, s) || !s->loading)
		return s->error;
	*b = loaded;
	if (armed && !b->pit.irq_tick)
		b->ops->arm(b->ctx, 0);
	resume(b);
	return 0;
}
