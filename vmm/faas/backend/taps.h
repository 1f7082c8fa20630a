/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps for instances, each with a /30 of a block: the host has the first address, the guest the second. Made as they are
 * needed and kept, as closing one takes 14 ms; what was sent to the one before never reaches the next. One thread.
 */
#ifndef FAAS_TAPS_H
#define FAAS_TAPS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/error.h>

struct taps;

struct tap {
	int fd;
	char name[16];
	struct in_addr host, guest;
	uint8_t mac[8]; /* the guest's; the last two are 0 */
	uint8_t host_mac[6];
	struct tap *next; /* while nobody has it */
};

/* block: "10.100.0.0/16", but its last `kept` /30. -EINVAL: it is none, or smaller than a /30. */
int taps_new(const char *block, uint32_t kept, struct taps **out, struct ukvmm_err *err);
/* -ENOSPC: the block is used up; otherwise what making one gave. */
int taps_take(struct taps *t, struct tap **out, struct ukvmm_err *err);
void taps_give(struct taps *t, struct tap *tap);
/* Makes taps ahead, so that this many wait. */
int taps_prepare(struct taps *t, uint32_t n, struct ukvmm_err *err);
void taps_free(struct taps *t); /* all have been given back. NULL is ignored */

#endif
