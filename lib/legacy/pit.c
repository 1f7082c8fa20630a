/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8254 timer at 0x40-0x43 and port 0x61 (Intel 82C54 data sheet; IBM PC AT technical reference). A
 * rise of channel 0's OUT is a pulse on GSI 0; one on which a control word alone would put OUT is
 * not, as on KVM's.
 */
#include "chips.h"

#include "channel.h"
#include "walk.h"

enum { FIRMWARE_CONTROL = 0x34 }; /* both bytes, mode 2, binary */
enum { CONTROL = 0x43, SPEAKER_CHANNEL = 2 };
enum { BACK_NO_COUNT = 0x20, BACK_NO_STATUS = 0x10, READ_BACK = 3 };
enum {
	P61_GATE = 0x01,
	P61_WRITABLE = 0x0f,
	P61_REFRESH = 0x10,
	P61_OUT = 0x20,
	REFRESH_NS = 15085
};

/* Interrupts come at most every 200 us, as from KVM's 8254, or a guest could load a host CPU. */
enum { MIN_TICKS = 239 };
/* After a delay at most that many periods are made up for, at twice the rate: a guest that counts
 * ticks stays on time through a busy host, and none is flooded. */
enum { CATCH_UP = 10 };

static uint64_t now(const struct legacy_board *b)
{
	return b->ops->now(b->ctx);
}

static void arm(struct legacy_board *b, int64_t tick, uint64_t not_before)
{
	uint64_t when;

	if (!tick && !b->pit.irq_tick)
		return;
	b->pit.irq_tick = tick;
	when = tick ? channel_when(&b->pit.channel[0], tick) : 0;
	b->ops->arm(b->ctx, tick && when < not_before ? not_before : when);
}

/* The count or mode of channel 0 has changed. */
static void reschedule(struct legacy_board *b)
{
	struct legacy_8254_channel *c = &b->pit.channel[0];

	arm(b, channel_next_rise(c, channel_ticks(c, now(b))), 0);
}

/* The edge after the one that was due, or, too far behind, the next one to come. */
static int64_t following_rise(struct legacy_8254_channel *c, int64_t due, int64_t tick)
{
	int64_t next = channel_next_rise(c, due + MIN_TICKS - 1);
	int64_t period = c->count > MIN_TICKS ? c->count : MIN_TICKS;

	return tick - next > CATCH_UP * period ? channel_next_rise(c, tick) : next;
}

void pit_timer(struct legacy_board *b)
{
	struct legacy_8254_channel *c = &b->pit.channel[0];
	int64_t due = b->pit.irq_tick, tick = channel_ticks(c, now(b));
	int64_t next;
	uint64_t half;

	if (!due)
		return;
	if (tick < due) { /* called early */
		arm(b, due, 0);
		return;
	}
	next = channel_is_periodic(c) ? following_rise(c, due, tick) : 0;
	half = (uint64_t)(c->count > MIN_TICKS ? c->count : MIN_TICKS) * 1000000000u / PIT_HZ / 2;
	arm(b, next, now(b) + half);
	legacy_pulse(b, GSI_TIMER);
}

/* Before the guest changes channel 0: what it has counted out by now still interrupts. */
static void fire_if_due(struct legacy_board *b)
{
	if (b->pit.irq_tick && channel_ticks(&b->pit.channel[0], now(b)) >= b->pit.irq_tick)
		pit_timer(b);
}

static void read_back(struct legacy_board *b, uint8_t value)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (!(value & 2u << i))
			continue;
		if (!(value & BACK_NO_COUNT))
			channel_latch_count(&b->pit.channel[i], now(b));
		if (!(value & BACK_NO_STATUS))
			channel_latch_status(&b->pit.channel[i], now(b));
	}
}

static void control(struct legacy_board *b, uint8_t value)
{
	uint8_t select = value >> 6;

	if (select == READ_BACK) {
		read_back(b, value);
	} else if (!(value & 0x30)) {
		channel_latch_count(&b->pit.channel[select], now(b));
	} else {
		if (!select)
			fire_if_due(b);
		channel_program(&b->pit.channel[select], value);
		if (!select)
			arm(b, 0, 0);
	}
}

void pit_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	(void)end;
	if (port == CONTROL) {
		control(b, value);
		return;
	}
	if (!(port & 3))
		fire_if_due(b);
	channel_write(&b->pit.channel[port & 3], value, now(b));
	if (!(port & 3))
		reschedule(b);
}

uint8_t pit_read(struct legacy_board *b, uint16_t port)
{
	return port == CONTROL ? 0xff : channel_read(&b->pit.channel[port & 3], now(b));
}

uint8_t pit_port61_read(struct legacy_board *b, uint16_t port)
{
	uint64_t refreshes = now(b) / REFRESH_NS;

	(void)port;
	return (uint8_t)(b->pit.port61 | (refreshes & 1 ? P61_REFRESH : 0) |
		(channel_out(&b->pit.channel[SPEAKER_CHANNEL], now(b)) ? P61_OUT : 0));
}

void pit_port61_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	(void)port;
	(void)end;
	b->pit.port61 = value & P61_WRITABLE;
	channel_gate(&b->pit.channel[SPEAKER_CHANNEL], value & P61_GATE, now(b));
}

/*
 * Channel 0 is in the mode that firmware leaves it in: Solo5's virtio guests with kvmclock write counts without ever
 * choosing one. But stopped: a real one would count on from what firmware wrote, and interrupt.
 */
void pit_reset(struct legacy_board *b)
{
	b->pit = (struct legacy_pit){ 0 };
	b->pit.channel[0].gate = b->pit.channel[1].gate = true;
	channel_program(&b->pit.channel[0], FIRMWARE_CONTROL);
}

#define RAN_MAX (1ull << 62)

static void channel_walk(struct legacy_8254_channel *c, uint64_t at, struct ukvmm_state *s)
{
	int64_t tick;

	c->ran = channel_ran(c, at);
	c->start = at;
	walk_u64(s, &c->ran, RAN_MAX);
	tick = channel_ticks(c, at);
	walk_i64(s, &c->origin, -65536, tick);
	walk_i64(s, &c->switch_at, 0, tick + 65536);
	walk_u32(s, &c->count, 65536);
	walk_u32(s, &c->reload, 65536);
	walk_u16(s, &c->latched);
	walk_u8(s, &c->mode, 5);
	walk_u8(s, &c->access, 3);
	walk_u8(s, &c->status, UINT8_MAX);
	walk_u8(s, &c->write_low, UINT8_MAX);
	walk_flag(s, &c->bcd);
	walk_flag(s, &c->gate);
	walk_flag(s, &c->running);
	walk_flag(s, &c->pending);
	walk_flag(s, &c->read_high);
	walk_flag(s, &c->write_high);
	walk_flag(s, &c->count_latched);
	walk_flag(s, &c->status_latched);
	/* what the arithmetic leans on: a count to divide by, and one to go on with */
	walk_require(s, !c->running || c->count);
	walk_require(s, c->reload || (!c->count && !c->pending));
	if (c->pending && channel_is_periodic(c))
		walk_require(s, c->count && c->switch_at >= c->origin);
}

void pit_walk(struct legacy_board *b, struct ukvmm_state *s)
{
	struct legacy_pit *p = &b->pit;
	uint64_t at = now(b);
	int64_t latest;

	walk_begin(s, "pit");
	for (uint32_t i = 0; i < 3; i++)
		channel_walk(&p->channel[i], at, s);
	latest = channel_ticks(&p->channel[0], at) + 2 * 65536 + MIN_TICKS;
	walk_i64(s, &p->irq_tick, 0, latest);
	walk_u8(s, &p->port61, P61_WRITABLE);
	walk_require(s, !p->irq_tick || p->channel[0].running);
	walk_require(s,
		p->channel[0].gate && p->channel[1].gate &&
			p->channel[SPEAKER_CHANNEL].gate == (p->port61 & P61_GATE));
	state_end(s);
}

void pit_resume(struct legacy_board *b)
{
	if (b->pit.irq_tick)
		arm(b, b->pit.irq_tick, 0);
}
