/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MC146818A clock and CMOS RAM at 0x70/0x71. Only the clock runs: no alarm, no periodic or update
 * interrupt. The update-in-progress bit is never set; instead the time that registers show stands
 * still for LATCH_NS (or from one read of status A to the next), so that a guest reads all of them
 * unrolled.
 */
#include "chips.h"

#include "calendar.h"
#include "walk.h"

enum { INDEX_PORT = 0x70, INDEX_MASK = 0x7f };

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	STATUS_A = 10,
	STATUS_B = 11,
	STATUS_C = 12,
	STATUS_D = 13,
	CENTURY = 0x32,	    /* where firmware's FADT puts it on a PC */
	CENTURY_PS2 = 0x37, /* and on a PS/2 */
};

enum {
	A_UIP = 0x80,
	A_32KHZ_1KHZ = 0x26,
	B_SET = 0x80,
	B_BINARY = 0x04,
	B_24H = 0x02,
	D_VALID = 0x80,
	HOUR_PM = 0x80,
};

#define LATCH_NS   10000000ull
#define OFFSET_MAX (1ll << 40)

static bool is_time(uint8_t reg)
{
	return reg == SECONDS || reg == MINUTES || reg == HOURS ||
		(reg >= WEEKDAY && reg <= YEAR) || reg == CENTURY;
}

static uint8_t encode(const struct legacy_rtc *r, uint32_t v)
{
	return (uint8_t)(r->ram[STATUS_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static uint32_t decode(const struct legacy_rtc *r, uint8_t v)
{
	return r->ram[STATUS_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct legacy_rtc *r, uint32_t hour)
{
	if (r->ram[STATUS_B] & B_24H)
		return encode(r, hour);
	return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static uint32_t decode_hour(const struct legacy_rtc *r, uint8_t v)
{
	if (r->ram[STATUS_B] & B_24H)
		return decode(r, v);
	return decode(r, v & (uint8_t)~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* The time registers as they show `time`. */
static void show(struct legacy_rtc *r, int64_t time)
{
	struct calendar c;

	calendar_from_time(&c, time);
	r->ram[SECONDS] = encode(r, c.second);
	r->ram[MINUTES] = encode(r, c.minute);
	r->ram[HOURS] = encode_hour(r, c.hour);
	r->ram[WEEKDAY] = (uint8_t)(c.weekday + 1);
	r->ram[DAY] = encode(r, c.day);
	r->ram[MONTH] = encode(r, c.month);
	r->ram[YEAR] = encode(r, c.year % 100);
	r->ram[CENTURY] = (uint8_t)(c.year / 1000 % 10 << 4 | c.year / 100 % 10); /* always BCD */
}

/* The time that the registers stand for: any bytes at all give some time. */
static int64_t shown(const struct legacy_rtc *r)
{
	struct calendar c = {
		.second = decode(r, r->ram[SECONDS]),
		.minute = decode(r, r->ram[MINUTES]),
		.hour = decode_hour(r, r->ram[HOURS]),
		.day = decode(r, r->ram[DAY]),
		.month = decode(r, r->ram[MONTH]),
		.year = ((r->ram[CENTURY] >> 4) * 10u + (r->ram[CENTURY] & 15)) * 100 +
			decode(r, r->ram[YEAR]),
	};

	return calendar_to_time(&c);
}

static void latch(struct legacy_board *b)
{
	b->rtc.latched = b->ops->realtime(b->ctx) + b->rtc.offset;
	b->rtc.latched_until = b->ops->now(b->ctx) + LATCH_NS;
}

static void refresh(struct legacy_board *b)
{
	if (b->rtc.ram[STATUS_B] & B_SET)
		return;
	if (b->ops->now(b->ctx) >= b->rtc.latched_until)
		latch(b);
	show(&b->rtc, b->rtc.latched);
}

/* From now on the clock runs on from what the registers show. */
static void adopt(struct legacy_board *b)
{
	b->rtc.offset = shown(&b->rtc) - b->ops->realtime(b->ctx);
	latch(b);
}

uint8_t rtc_read(struct legacy_board *b, uint16_t port)
{
	struct legacy_rtc *r = &b->rtc;
	uint8_t reg = r->index == CENTURY_PS2 ? CENTURY : r->index;

	if (port == INDEX_PORT)
		return 0xff; /* write-only */
	if (is_time(reg))
		refresh(b);
	if (reg == STATUS_A)
		latch(b);
	return r->ram[reg];
}

static void write_status_b(struct legacy_board *b, uint8_t value)
{
	struct legacy_rtc *r = &b->rtc;
	uint8_t changed = r->ram[STATUS_B] ^ value;

	refresh(b); /* SET freezes the registers as they are */
	r->ram[STATUS_B] = value;
	if (changed & ~value & B_SET)
		adopt(b);
}

static void write_time(struct legacy_board *b, uint8_t reg, uint8_t value)
{
	refresh(b);
	b->rtc.ram[reg] = value;
	if (!(b->rtc.ram[STATUS_B] & B_SET) && reg != WEEKDAY)
		adopt(b);
}

void rtc_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	struct legacy_rtc *r = &b->rtc;
	uint8_t reg = r->index == CENTURY_PS2 ? CENTURY : r->index;

	(void)end;
	if (port == INDEX_PORT)
		r->index = value & INDEX_MASK; /* bit 7 masks NMIs, of which there are none */
	else if (is_time(reg))
		write_time(b, reg, value);
	else if (reg == STATUS_B)
		write_status_b(b, value);
	else if (reg == STATUS_A)
		r->ram[reg] = value & (uint8_t)~A_UIP;
	else if (reg != STATUS_C && reg != STATUS_D)
		r->ram[reg] = value;
}

void rtc_reset(struct legacy_board *b)
{
	b->rtc = (struct legacy_rtc){ 0 };
	b->rtc.ram[STATUS_A] = A_32KHZ_1KHZ;
	b->rtc.ram[STATUS_B] = B_24H;
	b->rtc.ram[STATUS_D] = D_VALID;
}

void rtc_walk(struct legacy_board *b, struct ukvmm_state *s)
{
	struct legacy_rtc *r = &b->rtc;

	walk_begin(s, "rtc");
	walk_u8(s, &r->index, INDEX_MASK);
	walk_bytes(s, r->ram, sizeof r->ram);
	walk_i64(s, &r->offset, -OFFSET_MAX, OFFSET_MAX);
	walk_require(
		s, !(r->ram[STATUS_A] & A_UIP) && !r->ram[STATUS_C] && r->ram[STATUS_D] == D_VALID);
	state_end(s);
	r->latched_until = s->loading ? 0 : r->latched_until;
}
