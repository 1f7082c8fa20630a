/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ukvmm run`, the half that the user sees: options, files, terminal, signals, exit status. The guest is in a worker
 * (vmm/common/worker.h), a process of its own; here is one thread and one loop, and nothing that reads an image.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "machine.h"
#include "options.h"

struct run {
	struct run_options options;
	struct machine machine;
	uint64_t deadline; /* of --timeout; 0: none, or it is over */
	uint64_t patience; /* when a worker that was asked to end is killed; 0: it was not asked */
	int cause;	   /* the exit status that we ended the guest for; 0: we did not */
	bool started;	   /* the worker has its job */
	bool ended;	   /* the guest has ended, or its worker; only output is left to write */
	bool finished;	   /* and that is done */
	int status;	   /* then */
	struct message_stats stats; /* then, if the guest ran */
	struct io io;
};

/* Ends the guest for our own reason; the first reason stays. Where the guest has ended already, and only a reader of
 * its output keeps us, or where it was asked before, it is the end. */
void run_end(struct run *run, int status);

/* All that worker_next has. */
void run_serve_worker(struct run *run);

/* ---- ending.c: what to tell the user, and the shell ---- */

/* The exit status, after a note on stderr where it is not a plain end. */
int ending_status(const struct run *run, const struct message_stopped *m);
int ending_of_worker(const struct run *run, const struct worker_death *death);

/* What the guest may have missed. */
void ending_notes(const struct run *run);

/* Prints --timeline. started: CLOCK_MONOTONIC of the process's start. */
void ending_timeline(const struct run *run, uint64_t started);

#endif
