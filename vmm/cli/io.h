/* SPDX-License-Identifier: Apache-2.0 */
/* The loop beside the guest: its worker, stdin, stdout, signals and the --timeout. */
#ifndef CLI_IO_H
#define CLI_IO_H

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
	uint64_t retry_at; /* when to look at a terminal again whose front job we are not; 0: never */
	struct terminal_escape escape;
	size_t at, len;	   /* what of buf the console has not taken */
	uint8_t buf[INPUT_BYTES + 1];
};

struct io {
	int epoll, signals; /* -1: not made */
	bool output_broken; /* stdout takes no more */
	bool waits;	    /* for stdout to take more */
	uint32_t console_events; /* that the console is watched for */
	struct sink sink;
	struct input input;
};

void io_init(struct io *io);

/* Before the guest: signals and the worker are served. 0, or negative errno. */
int io_open(struct run *run);

/* The guest has been started: from here on stdin is its, and stdout. 0, or negative errno. */
int io_start(struct run *run);

/* Waits for something and serves it. */
void io_step(struct run *run);

/* Puts the terminal back, and says what was lost. */
void io_close(struct run *run);

#endif
