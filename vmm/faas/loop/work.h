/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for what blocks: SQLite, fsync, hashing, closing taps. Jobs run there one after the other in the order in
 * which they came; `done` follows on the loop's thread. The job is the caller's until then.
 */
#ifndef FAAS_WORK_H
#define FAAS_WORK_H

#include "loop.h"

struct work;

struct work_job {
	void (*run)(struct work_job *job);  /* on the work thread */
	void (*done)(struct work_job *job); /* on the loop's thread; NULL: not told */
	struct work_job *next;
};

int work_new(struct loop *loop, struct work **out);
void work_submit(struct work *work, struct work_job *job);
/* Waits for all jobs, tells their `done`, ends the thread. NULL is ignored. */
void work_free(struct work *work);

#endif
