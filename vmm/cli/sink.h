/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's output on its way to stdout. Never blocks where the kernel lets us: a reader that
 * stands still must not keep us from timers and signals.
 */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink {
	int fd;		/* -1: not opened yet */
	bool socket;
	bool ended;	/* the console has nobody at its other end */
	size_t at, len; /* what of buf is still to be written */
	uint64_t lost;	/* bytes that the worker had to drop */
	char buf[16384];
};

void sink_init(struct sink *s);

/* Moves what there is from the console, a stream socket, at most 1 MiB a call. 0: done, or there is more. 1: stdout is
 * full, call again when sink_fd is writable. Negative errno: stdout takes no more, ever (-EPIPE: its reader left). */
int sink_pump(struct sink *s, int console);
/* Takes it and throws it away. 0. */
int sink_drop(struct sink *s, int console);

int sink_fd(const struct sink *s); /* to poll for POLLOUT once sink_pump has returned 1 */

#endif
