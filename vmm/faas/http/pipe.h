/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between two ends that run at different speeds: a ring of at most PIPE_BYTES, which grows as it is used. */
#ifndef FAAS_PIPE_H
#define FAAS_PIPE_H

#include <stdbool.h>
#include <stddef.h>

enum { PIPE_BYTES = 64 << 10 };

struct pipe_ring {
	char *at; /* NULL until the first byte */
	size_t size, begin, len;
};

/* Takes what fits; returns how much. Out of memory: 0, and *failed is set. */
size_t pipe_put(struct pipe_ring *p, const char *bytes, size_t len, bool *failed);
size_t pipe_take(struct pipe_ring *p, char *to, size_t len);
size_t pipe_room(const struct pipe_ring *p);
/* All of it, as it lies in memory, where it is in one piece. NULL: it is not. */
const char *pipe_whole(const struct pipe_ring *p);
void pipe_free(struct pipe_ring *p);

#endif
