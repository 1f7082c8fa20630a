/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of memory that hangs when told to, fails where told to and records what it was asked. Its requests go
 * through the host's work threads, as those of a real one do.
 */
#ifndef TEST_SLOW_H
#define TEST_SLOW_H

#include <pthread.h>

#include "block.h"
#include "hostile.h"

enum { SLOW_BYTES = 4 << 20, SLOW_RECORDS = 4096 };

struct slow {
	struct block_backend b;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hung;
	uint32_t waiting, most_waiting; /* calls that hang now; at most so far */
	uint32_t fail_at;		/* the call that fails, counted from 1; 0: none */
	uint32_t calls;
	struct {
		enum block_op op;
		uint64_t off, len;
	} record[SLOW_RECORDS];
	uint8_t bytes[SLOW_BYTES];
};

/* The disk under test; h->subject's add. One at a time. */
extern const struct subject subject_slow;
struct slow *slow_disk(void);
void slow_hang(struct slow *s, bool on);
/* Waits until `n` calls hang. */
void slow_wait(struct slow *s, uint32_t n);

#endif
