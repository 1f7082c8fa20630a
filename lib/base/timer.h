/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: an intrusive binary heap, so that arming allocates at most once per timer's life. No lock. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t deadline; /* CLOCK_MONOTONIC ns */
	size_t index;	   /* place in the heap + 1; 0: not armed */
	void *owner;	   /* whose it is, for the one who runs the timers */
	void (*fire)(struct timer *timer);
};

struct timers {
	struct timer **heap;
	size_t len, cap;
};

void timers_fini(struct timers *t);
/* Makes room for `n` timers armed at once, so that arming cannot fail. */
int timers_reserve(struct timers *t, size_t n);
/* Arms or moves. The caller has reserved room. deadline 0 disarms. */
void timers_set(struct timers *t, struct timer *timer, uint64_t deadline);
uint64_t timers_next(const struct timers *t); /* 0: none */
/* Takes the earliest one that is due at `now`, disarmed; NULL: none. */
struct timer *timers_pop(struct timers *t, uint64_t now);

#endif
