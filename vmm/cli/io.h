/* SPDX-License-Identifier: Apache-2.0 */
/* The thread beside the guest: the library's poller, stdin, stdout, signals and the --timeout. */
#ifndef CLI_IO_H
#define CLI_IO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sink.h"
#include "terminal.h"

struct run;

enum { INPUT_BYTES = 1024 };

struct input {
	bool open;	   /* not at its end */
	bool always;	   /* a regular file: always readable, so epoll refuses it */
	bool tty;
	uint32_t port;	   /* of the console it goes to */
	uint64_t retry_at; /* when to offer the rest of buf to the guest again; 0: nothing waits */
	struct terminal_escape escape;
	size_t at, len;	   /* what of buf the guest has not taken */
	uint8_t buf[INPUT_BYTES + 1];
};

struct io {
	int epoll, signals;	/* -1: not made */
	bool started;
	bool output_broken;	/* stdout takes no more */
	pthread_mutex_t lock;	/* sink, output_broken, the terminal and the VM's console; io_finish
				 * takes it for good, so the io thread only tries: it must go on to
				 * see signals */
	struct sink sink;
	struct input input;
	uint64_t broken; /* a bit for each device that was told to be */
};

/* console: the guest has a virtio console, which then has stdin. */
void io_init(struct io *io, bool console);

/* Starts the thread; from here on stdin is the guest's. 0, or negative errno. */
int io_start(struct run *run);

/* The guest has ended: writes what is left of its output, puts the terminal back and keeps the
 * lock, so that the thread touches neither again. Returns `status`, or the one that replaces it
 * when the output cannot be written or a signal or the deadline comes first. */
int io_finish(struct run *run, int status);

#endif
