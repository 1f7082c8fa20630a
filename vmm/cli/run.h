/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VM from its first instruction to the program's exit status. Threads: the main thread runs
 * vCPU 0 and ends the program; one more thread for each further vCPU; one for input, output,
 * signals and timers (io.h), which a single-vCPU guest without devices that ends within its first
 * millisecond never sees; four more for each disk, lent to the library for what may block.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "machine.h"
#include "options.h"

/* How one vCPU came back. */
struct outcome {
	int rc; /* of ukvmm_vcpu_run */
	struct ukvmm_stop stop;
	struct ukvmm_err err;
};

struct run {
	struct run_options options;
	struct machine machine;
	uint64_t deadline; /* of --timeout; 0: none */
	atomic_int cause;  /* the exit status that we ended the guest for; 0: we did not */
	atomic_bool finishing; /* the guest has ended, only its output is left to write */
	struct io io;
};

/* Ends the guest for our own reason; the first reason stays. Where the guest has ended already, and
 * only a reader of its output keeps us, ends the program. Any thread. */
void run_end(struct run *run, int status);

/* ---- ending.c: what to tell the user, and the shell ---- */

/* The exit status for an outcome, after a note on stderr where it is not a plain end. */
int ending_status(const struct run *run, const struct outcome *outcome);

/* What the guest may have missed. */
void ending_notes(const struct run *run);

/* Prints --timeline. started: CLOCK_MONOTONIC of the process's start. */
void ending_timeline(const struct run *run, uint64_t started);

#endif
