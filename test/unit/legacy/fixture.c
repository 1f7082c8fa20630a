/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>

static void on_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct fixture *f = ctx;

	f->msis++;
	f->msi_addr = addr;
	f->msi_data = data;
}

static void on_intr(void *ctx, bool asserted)
{
	struct fixture *f = ctx;

	f->intrs++;
	f->intr = asserted;
}

static void on_routes(void *ctx)
{
	((struct fixture *)ctx)->routes++;
}

static void on_line(void *ctx, uint32_t gsi, bool level)
{
	struct fixture *f = ctx;

	assert_true(gsi < 24);
	f->line_changes[gsi] += f->line[gsi] != level;
	f->line[gsi] = level;
}

static void on_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct fixture *f = ctx;

	for (size_t i = 0; i < len; i++, f->output_len++) {
		if (f->output_len < sizeof f->output)
			f->output[f->output_len] = bytes[i];
	}
}

static void on_arm(void *ctx, uint64_t deadline)
{
	struct fixture *f = ctx;

	f->arms++;
	f->armed = deadline;
}

static uint64_t on_now(void *ctx)
{
	return ((struct fixture *)ctx)->now;
}

static int64_t on_realtime(void *ctx)
{
	struct fixture *f = ctx;

	return f->realtime + (int64_t)(f->now / 1000000000u);
}

const struct legacy_ops fixture_ops = {
	.msi = on_msi,
	.intr = on_intr,
	.routes = on_routes,
	.line = on_line,
	.output = on_output,
	.arm = on_arm,
	.now = on_now,
	.realtime = on_realtime,
};

void fixture_init(struct fixture *f, enum legacy_irqchip irqchip)
{
	*f = (struct fixture){ .realtime = FIXTURE_REALTIME, .seed = 1 };
	legacy_init(&f->board, irqchip, &fixture_ops, f);
}

/* xorshift32: the same sequence on every machine */
uint32_t fixture_random(struct fixture *f)
{
	f->seed ^= f->seed << 13;
	f->seed ^= f->seed >> 17;
	f->seed ^= f->seed << 5;
	return f->seed;
}

bool port_read(struct fixture *f, uint16_t port, uint32_t width, uint32_t *value)
{
	struct legacy_end end;
	bool claimed = legacy_port(&f->board, port, width, false, value, &end);

	assert_int_equal(end.kind, LEGACY_NOT_ENDED);
	return claimed;
}

bool port_write(
	struct fixture *f, uint16_t port, uint32_t width, uint32_t value, struct legacy_end *end)
{
	memset(end, 0xee, sizeof *end);
	return legacy_port(&f->board, port, width, true, &value, end);
}

uint8_t in8(struct fixture *f, uint16_t port)
{
	uint32_t value = 0xdddddddd;

	assert_true(port_read(f, port, 1, &value));
	assert_true(value <= 0xff);
	return (uint8_t)value;
}

void out8(struct fixture *f, uint16_t port, uint8_t value)
{
	struct legacy_end end;

	assert_true(port_write(f, port, 1, value, &end));
	assert_int_equal(end.kind, LEGACY_NOT_ENDED);
}

uint32_t ioapic_in(struct fixture *f, uint8_t reg)
{
	uint64_t v = reg;

	legacy_mmio(&f->board, X86_IOAPIC_BASE, 4, true, &v);
	v = ~0ull;
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x10, 4, false, &v);
	assert_true(v <= UINT32_MAX);
	return (uint32_t)v;
}

void ioapic_out(struct fixture *f, uint8_t reg, uint32_t value)
{
	uint64_t v = reg;

	legacy_mmio(&f->board, X86_IOAPIC_BASE, 4, true, &v);
	v = value;
	legacy_mmio(&f->board, X86_IOAPIC_BASE + 0x10, 4, true, &v);
}

uint32_t fixture_advance(struct fixture *f, uint64_t ns)
{
	uint64_t until = f->now + ns;
	uint32_t calls = 0;

	while (f->armed && f->armed <= until) {
		f->now = f->armed > f->now ? f->armed : f->now;
		f->armed = 0;
		legacy_timer(&f->board);
		calls++;
	}
	f->now = until;
	return calls;
}

static int setup(void **state, enum legacy_irqchip irqchip)
{
	struct fixture *f = malloc(sizeof *f);

	if (!f)
		return -1;
	fixture_init(f, irqchip);
	*state = f;
	return 0;
}

int setup_own(void **state)
{
	return setup(state, LEGACY_IRQCHIP_OWN);
}

int setup_lines(void **state)
{
	return setup(state, LEGACY_IRQCHIP_LINES);
}

int setup_none(void **state)
{
	return setup(state, LEGACY_IRQCHIP_NONE);
}

int teardown(void **state)
{
	free(*state);
	return 0;
}
