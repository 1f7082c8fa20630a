/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket: `per_s` tokens a second up to `burst`. A take may go below zero once (one operation of any
 * size passes when anything is left), so that a limit smaller than a frame cannot block for ever; what follows
 * waits until the debt is paid. No lock, no clock of its own.
 */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t per_s, burst; /* per_s 0: no limit */
	int64_t tokens;
	uint64_t at; /* when `tokens` was right, ns */
};

/* burst 0: a tenth of a second's worth, at least 1. Starts full. Values beyond 2^62 are cut. */
void bucket_init(struct bucket *b, uint64_t per_s, uint64_t burst, uint64_t now);
/* 0: taken; otherwise nothing was taken, and when to try again (ns). */
uint64_t bucket_take(struct bucket *b, uint64_t tokens, uint64_t now);

/* Both limits of a ukvmm_rate: one operation of that many bytes, or nothing. */
struct rate {
	struct bucket bytes, ops;
};
struct ukvmm_rate;
/* limits NULL: none. */
void rate_init(struct rate *r, const struct ukvmm_rate *limits, uint64_t now);
/* 0: may pass and is counted; else when to try again. */
uint64_t rate_take(struct rate *r, uint64_t bytes, uint64_t now);

#endif
