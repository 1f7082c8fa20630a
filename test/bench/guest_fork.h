/* SPDX-License-Identifier: Apache-2.0 */
/* Runs `child` in a process of its own, which must end with status `wanted` after the guest's output. */
#ifndef GUEST_FORK_H
#define GUEST_FORK_H

#include "guest_run.h"

void guest_fork(const char *who, void (*child)(const struct guest_job *job), const struct guest_job *job,
	int wanted, struct guest_result *r);

#endif
