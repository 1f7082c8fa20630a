/* SPDX-License-Identifier: Apache-2.0 */
#include "channel.h"

enum { ONESHOT = 0, TRIGGERED_ONESHOT, RATE, SQUARE, STROBE, TRIGGERED_STROBE };
enum { ACCESS_LOW = 1, ACCESS_HIGH, ACCESS_BOTH };
enum { CONTROL_BCD = 1 };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };

#define NS_PER_S 1000000000u

uint64_t channel_ran(const struct legacy_8254_channel *c, uint64_t now)
{
	return c->ran + (c->running && now > c->start ? now - c->start : 0);
}

int64_t channel_ticks(const struct legacy_8254_channel *c, uint64_t now)
{
	return (int64_t)((unsigned __int128)channel_ran(c, now) * PIT_HZ / NS_PER_S);
}

uint64_t channel_when(const struct legacy_8254_channel *c, int64_t tick)
{
	uint64_t ns = (uint64_t)(((unsigned __int128)tick * NS_PER_S + PIT_HZ - 1) / PIT_HZ);

	return c->start + (ns > c->ran ? ns - c->ran : 0);
}

bool channel_is_periodic(const struct legacy_8254_channel *c)
{
	return c->mode == RATE || c->mode == SQUARE;
}

static bool is_triggered(const struct legacy_8254_channel *c)
{
	return c->mode == TRIGGERED_ONESHOT || c->mode == TRIGGERED_STROBE;
}

static int64_t high_half(uint32_t count)
{
	return ((int64_t)count + 1) / 2;
}

static int64_t phase_at(const struct legacy_8254_channel *c, int64_t tick)
{
	return (tick - c->origin) % c->count;
}

/* A count written meanwhile comes into force at the end of the cycle (mode 2) or half cycle (mode
 * 3). In the middle of one the new cycle is taken to have begun half of its own length ago. */
static void take_over(struct legacy_8254_channel *c, int64_t tick)
{
	bool middle;

	if (!c->pending || !channel_is_periodic(c) || !c->running || tick < c->switch_at)
		return;
	middle = phase_at(c, c->switch_at) != 0;
	c->origin = c->switch_at - (middle ? high_half(c->reload) : 0);
	c->count = c->reload;
	c->pending = false;
}

static int64_t cycle_end(const struct legacy_8254_channel *c, int64_t tick)
{
	int64_t phase = phase_at(c, tick);

	if (c->mode == SQUARE && phase < high_half(c->count))
		return tick - phase + high_half(c->count);
	return tick - phase + c->count;
}

static void start(struct legacy_8254_channel *c, bool run, uint64_t now)
{
	c->count = c->reload;
	c->pending = false;
	c->ran = 0;
	c->origin = 0;
	c->switch_at = 0; /* of a cycle that is over */
	c->start = now;
	c->running = run;
}

static void load(struct legacy_8254_channel *c, uint16_t value, uint64_t now)
{
	uint32_t all = c->bcd ? 10000 : 65536;
	uint32_t n = value;

	if (c->bcd)
		n = (value >> 12) * 1000u + (value >> 8 & 15) * 100u + (value >> 4 & 15) * 10u +
			(value & 15);
	c->reload = n ? n : all;
	c->pending = true;
	if (is_triggered(c))
		return;
	if (channel_is_periodic(c) && c->count) {
		int64_t tick = channel_ticks(c, now);

		c->switch_at = cycle_end(c, tick);
		return;
	}
	start(c, c->gate, now);
}

void channel_program(struct legacy_8254_channel *c, uint8_t control)
{
	bool gate = c->gate;

	*c = (struct legacy_8254_channel){ .gate = gate,
		.access = control >> 4 & 3,
		.mode = control >> 1 & 7,
		.bcd = control & CONTROL_BCD };
	if (c->mode > TRIGGERED_STROBE) /* the upper bit is "don't care" for modes 2 and 3 */
		c->mode -= 4;
}

void channel_write(struct legacy_8254_channel *c, uint8_t value, uint64_t now)
{
	if (!c->access)
		return; /* no control word yet */
	take_over(c, channel_ticks(c, now));
	if (c->access == ACCESS_BOTH && !c->write_high) {
		c->write_low = value;
		c->write_high = true;
		if (c->mode == ONESHOT) { /* the first byte stops the count and pulls OUT down */
			c->count = 0;
			c->running = false;
		}
		return;
	}
	c->write_high = false;
	if (c->access == ACCESS_LOW)
		load(c, value, now);
	else
		load(c, (uint16_t)(value << 8 | c->write_low), now);
}

bool channel_out(struct legacy_8254_channel *c, uint64_t now)
{
	int64_t tick = channel_ticks(c, now);

	take_over(c, tick);
	if (!c->count)
		return c->mode != ONESHOT;
	switch (c->mode) {
	case ONESHOT:
		return tick >= c->count;
	case TRIGGERED_ONESHOT:
		return !c->running || tick >= c->count;
	case RATE:
		return !c->gate || c->count == 1 || phase_at(c, tick) != c->count - 1;
	case SQUARE:
		return !c->gate || phase_at(c, tick) < high_half(c->count);
	default:
		return !c->running || tick != c->count;
	}
}

static uint16_t to_bcd(uint32_t v)
{
	return (uint16_t)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

/* Mode 3 counts down by two, from an even number, once for each half. */
static int64_t square_count(const struct legacy_8254_channel *c, int64_t tick)
{
	int64_t phase = phase_at(c, tick), half = high_half(c->count);

	return (c->count & ~1u) - 2 * (phase < half ? phase : phase - half);
}

static uint16_t counted(struct legacy_8254_channel *c, uint64_t now)
{
	int64_t tick = channel_ticks(c, now), all = c->bcd ? 10000 : 65536, left;

	take_over(c, tick);
	if (!c->count)
		return 0;
	if (c->mode == SQUARE)
		left = square_count(c, tick);
	else if (c->mode == RATE)
		left = c->count - phase_at(c, tick);
	else
		left = ((c->count - tick) % all + all) % all; /* counts on through zero */
	return c->bcd ? to_bcd((uint32_t)left) : (uint16_t)left;
}

/* The first latch holds until it is read. */
void channel_latch_count(struct legacy_8254_channel *c, uint64_t now)
{
	if (c->count_latched)
		return;
	c->latched = counted(c, now);
	c->count_latched = true;
	c->read_high = false;
}

void channel_latch_status(struct legacy_8254_channel *c, uint64_t now)
{
	bool out = channel_out(c, now), none = c->pending || !c->count;

	if (c->status_latched)
		return;
	c->status = (uint8_t)((out ? STATUS_OUT : 0) | (none ? STATUS_NULL : 0) | c->access << 4 |
		c->mode << 1 | (c->bcd ? CONTROL_BCD : 0));
	c->status_latched = true;
}

uint8_t channel_read(struct legacy_8254_channel *c, uint64_t now)
{
	uint16_t value;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	value = c->count_latched ? c->latched : counted(c, now);
	high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	if (c->access != ACCESS_BOTH || high)
		c->count_latched = false;
	return (uint8_t)(high ? value >> 8 : value);
}

static void gate_rises(struct legacy_8254_channel *c, uint64_t now)
{
	if (is_triggered(c) || channel_is_periodic(c)) {
		if (c->reload)
			start(c, true, now);
	} else if (c->count) {
		c->start = now;
		c->running = true;
	}
}

void channel_gate(struct legacy_8254_channel *c, bool gate, uint64_t now)
{
	if (c->gate == gate)
		return;
	take_over(c, channel_ticks(c, now));
	if (gate) {
		gate_rises(c, now);
	} else if (!is_triggered(c)) {
		c->ran = channel_ran(c, now);
		c->running = false;
	}
	c->gate = gate;
}

int64_t channel_next_rise(struct legacy_8254_channel *c, int64_t tick)
{
	int64_t end;

	take_over(c, tick);
	if (!c->running || !c->count)
		return 0;
	if (!channel_is_periodic(c)) {
		end = c->count + (c->mode >= STROBE);
		return tick < end ? end : 0;
	}
	/* mode 3 goes on with the low half of the new count */
	if (c->pending && phase_at(c, c->switch_at))
		return c->switch_at + c->reload / 2;
	return tick < c->origin ? c->origin : tick - phase_at(c, tick) + c->count;
}
