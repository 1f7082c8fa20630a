/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One counter of an 8254 as a function of time (Intel 82C54 data sheet, "mode definitions").
 * Nothing runs: `now` (ns) is turned into ticks, and those into OUT and the count. The one clock
 * between the write of a count and its load is left out, so a count of N ends N ticks after its
 * last byte.
 */
#ifndef LEGACY_CHANNEL_H
#define LEGACY_CHANNEL_H

#include "legacy.h"

enum { PIT_HZ = 1193182 };

void channel_program(struct legacy_8254_channel *c, uint8_t control); /* a control word for it */
void channel_write(struct legacy_8254_channel *c, uint8_t value, uint64_t now);
uint8_t channel_read(struct legacy_8254_channel *c, uint64_t now);
void channel_latch_count(struct legacy_8254_channel *c, uint64_t now);
void channel_latch_status(struct legacy_8254_channel *c, uint64_t now);
void channel_gate(struct legacy_8254_channel *c, bool gate, uint64_t now);
bool channel_out(struct legacy_8254_channel *c, uint64_t now);

/* How long it has counted, in ns. */
uint64_t channel_ran(const struct legacy_8254_channel *c, uint64_t now);
/* The tick that it is, 0 at the load of the count. */
int64_t channel_ticks(const struct legacy_8254_channel *c, uint64_t now);
/* The first tick after `tick` at which OUT rises, with the gate as it is; 0: never. Call it with a
 * count in force: takes over a pending one whose time came by `tick`. */
int64_t channel_next_rise(struct legacy_8254_channel *c, int64_t tick);
/* now() at `tick` (not negative), rounded up. Only while running. */
uint64_t channel_when(const struct legacy_8254_channel *c, int64_t tick);
bool channel_is_periodic(const struct legacy_8254_channel *c);

#endif
