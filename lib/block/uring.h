/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the io_uring engine. */
#ifndef BLOCK_URING_H
#define BLOCK_URING_H

#include <liburing.h>
#include <pthread.h>

#include "block.h"

/* The completion queue has room for all that may be under way: it never overflows. */
enum { URING_ENTRIES = 256, URING_UNDER_WAY = 1024, URING_SLOTS = 1024 };

struct uring {
	struct block_engine engine;
	struct block_engine *other;
	pthread_mutex_t lock; /* all below */
	struct io_uring ring;
	uint32_t under_way; /* submitted or about to be, not reaped */
	bool used[URING_SLOTS];
};

int uring_setup(struct uring *u, struct ukvmm_err *err);
/* A place in the ring's table of files for fd; -ENOSPC: none left. Lock held. */
int uring_slot_take(struct uring *u, int fd);
void uring_slot_give(struct uring *u, int slot);

#endif
