/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's output on its way to stdout. Never blocks where the kernel lets us: a reader that
 * stands still must not keep us from timers and signals. One thread at a time.
 */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

struct sink {
	int fd;		/* -1: not opened yet */
	bool socket;
	size_t at, len; /* what of buf is still to be written */
	uint32_t ports, port; /* how many consoles there are, which one was read last */
	uint64_t lost;	/* bytes the console ring had to drop */
	char buf[16384];
};

/* ports: 1 for the serial line, 2 with a virtio console, whose output is mixed with that of the
 * other as it comes. */
void sink_init(struct sink *s, uint32_t ports);

/* Moves all output there is. 0: done. 1: stdout is full, call again when sink_fd is writable.
 * Negative errno: stdout takes no more, ever (-EPIPE: its reader left). */
int sink_pump(struct sink *s, struct ukvmm_vm *vm);

int sink_fd(const struct sink *s); /* to poll for POLLOUT once sink_pump has returned 1 */

#endif
