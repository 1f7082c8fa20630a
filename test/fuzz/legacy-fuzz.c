/* SPDX-License-Identifier: Apache-2.0 */
/* The legacy board under a guest that does anything, in any order, with saved state that was tampered with. Checked
 * is what the rest of the library relies on: messages are ones a LAPIC can take, lines exist, buffers are bounded, and
 * INTR and the timer are what the board's state says. */
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "legacy.h"

struct machine {
	struct legacy_board board;
	uint64_t now, armed;
	bool intr;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void on_msi(void *ctx, uint64_t addr, uint32_t data)
{
	(void)ctx;
	check(addr >> 20 == 0xfee && !(data & ~0xc5ffu));
}

static void on_intr(void *ctx, bool asserted)
{
	((struct machine *)ctx)->intr = asserted;
}

static void on_routes(void *ctx)
{
	(void)ctx;
}

static void on_line(void *ctx, uint32_t gsi, bool level)
{
	(void)ctx;
	(void)level;
	check(gsi < X86_IOAPIC_PINS);
}

static void on_output(void *ctx, const uint8_t *bytes, size_t len)
{
	(void)ctx;
	(void)bytes;
	(void)len;
}

static void on_arm(void *ctx, uint64_t deadline)
{
	((struct machine *)ctx)->armed = deadline;
}

static uint64_t on_now(void *ctx)
{
	return ((struct machine *)ctx)->now;
}

static int64_t on_realtime(void *ctx)
{
	return 1700000000 + (int64_t)(on_now(ctx) / 1000000000u);
}

static const struct legacy_ops ops = { on_msi, on_intr, on_routes, on_line, on_output, on_arm, on_now, on_realtime };

/* Saves, changes up to seven bytes if `tamper`, loads into a copy; a load that succeeds goes on as the machine. */
static void round_trip(struct machine *m, struct reader *r, uint16_t how)
{
	const bool tamper = how & 8;
	struct ukvmm_state s;
	struct machine copy;
	int rc;

	state_save_init(&s);
	check(!legacy_walk(&m->board, &s));
	for (int i = 0; tamper && i < (how & 7); i++) {
		uint32_t at = reader_u32(r);

		s.buf[at % s.len] ^= (uint8_t)(at >> 24 | 1);
	}
	copy = *m;
	copy.board.ctx = &copy;
	s.loading = true;
	rc = legacy_walk(&copy.board, &s);
	check(tamper || !rc);
	s.loading = false;
	state_fini(&s);
	if (rc)
		return;
	*m = copy;
	m->board.ctx = m;
}

static void ioapic(struct machine *m, uint64_t index, uint64_t value)
{
	legacy_mmio(&m->board, X86_IOAPIC_BASE, 4, true, &index);
	legacy_mmio(&m->board, X86_IOAPIC_BASE + 16, 4, true, &value);
}

static void step(struct machine *m, struct reader *r)
{
	uint8_t op = reader_u8(r);
	uint16_t a = reader_u16(r);
	uint32_t v = reader_u32(r), width = 1u << (op >> 4 & 3), data;
	struct legacy_end end;
	uint64_t wide = v, addr;
	uint8_t input[64] = { op };
	bool level;

	switch (op & 15) {
	case 0: case 1: case 2: case 3:
		legacy_port(&m->board, a, width, op & 3, &v, &end);
		break;
	case 4: case 5:
		ioapic(m, a, v);
		break;
	case 6:
		legacy_mmio(&m->board, X86_IOAPIC_BASE + a % X86_IOAPIC_SIZE, width, op >> 6 & 1, &wide);
		break;
	case 7:
		legacy_line(&m->board, a & 31, v & 1);
		break;
	case 8:
		if (m->board.own_irqchip)
			legacy_intack(&m->board);
		break;
	case 9:
		legacy_eoi(&m->board, (uint8_t)v);
		break;
	case 10:
		m->now += v;
		if (m->armed && m->armed <= m->now)
			legacy_timer(&m->board);
		break;
	case 11:
		legacy_timer(&m->board);
		break;
	case 12:
		legacy_input(&m->board, input, v % sizeof input);
		break;
	case 13:
		legacy_route(&m->board, a, &addr, &data, &level);
		break;
	case 14:
		round_trip(m, r, a);
		break;
	case 15:
		m->now += (uint64_t)v << 16;
		if (a == 1)
			legacy_reset(&m->board);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct machine m;
	struct reader r;

	m = (struct machine){ .now = 1 };
	reader_init(&r, data, len);
	legacy_init(&m.board, (enum legacy_irqchip)(reader_u8(&r) % 3), &ops, &m);
	while (!r.bad) {
		step(&m, &r);
		check(!m.board.own_irqchip || m.intr == legacy_intr(&m.board));
		check(!m.board.own_irqchip || !m.armed == !m.board.pit.irq_tick);
		check(m.board.serial.fifo_len <= LEGACY_SERIAL_FIFO && m.board.serial.in_len <= LEGACY_SERIAL_INPUT);
	}
	return 0;
}
