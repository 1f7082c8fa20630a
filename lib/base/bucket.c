/* SPDX-License-Identifier: Apache-2.0 */
#include "bucket.h"

#include <ukvmm/devices.h>

#define NS 1000000000ull
#define CUT (1ull << 62) /* so that sums of two stay inside of an int64_t */

__extension__ typedef unsigned __int128 wide;

static uint64_t cut(wide v)
{
	return v < CUT ? (uint64_t)v : CUT;
}

void bucket_init(struct bucket *b, uint64_t per_s, uint64_t burst, uint64_t now)
{
	if (!burst)
		burst = per_s < 10 ? 1 : per_s / 10;
	*b = (struct bucket){ .per_s = cut(per_s), .burst = cut(burst), .tokens = (int64_t)cut(burst), .at = now };
}

static void refill(struct bucket *b, uint64_t now)
{
	uint64_t gained, room;

	if (!b->per_s || now <= b->at)
		return;
	gained = cut((wide)(now - b->at) * b->per_s / NS);
	room = (uint64_t)((int64_t)b->burst - b->tokens);
	if (gained >= room) {
		b->tokens = (int64_t)b->burst;
		b->at = now;
		return;
	}
	b->tokens += (int64_t)gained;
	/* The fraction of a token stays in the time: asking often does not lose it. */
	b->at += (uint64_t)(((wide)gained * NS + b->per_s - 1) / b->per_s);
}

/* 0: something is left; else when something will be. */
static uint64_t ready_at(const struct bucket *b)
{
	wide wait;

	if (!b->per_s || b->tokens > 0)
		return 0;
	wait = ((wide)(1 - b->tokens) * NS + b->per_s - 1) / b->per_s;
	return cut(b->at + wait);
}

static void pay(struct bucket *b, uint64_t tokens)
{
	if (b->per_s)
		b->tokens -= (int64_t)cut(tokens);
}

uint64_t bucket_take(struct bucket *b, uint64_t tokens, uint64_t now)
{
	uint64_t at;

	refill(b, now);
	at = ready_at(b);
	if (!at)
		pay(b, tokens);
	return at;
}

void rate_init(struct rate *r, const struct ukvmm_rate *limits, uint64_t now)
{
	static const struct ukvmm_rate none = { .size = sizeof none };

	limits = limits ? limits : &none;
	bucket_init(&r->bytes, limits->bytes_per_s, limits->bytes_burst, now);
	bucket_init(&r->ops, limits->ops_per_s, limits->ops_burst, now);
}

uint64_t rate_take(struct rate *r, uint64_t bytes, uint64_t now)
{
	uint64_t bytes_at, ops_at;

	refill(&r->bytes, now);
	refill(&r->ops, now);
	bytes_at = ready_at(&r->bytes);
	ops_at = ready_at(&r->ops);
	if (bytes_at || ops_at)
		return bytes_at > ops_at ? bytes_at : ops_at;
	pay(&r->bytes, bytes);
	pay(&r->ops, 1);
	return 0;
}
