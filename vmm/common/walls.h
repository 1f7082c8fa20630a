/* SPDX-License-Identifier: Apache-2.0 */
/* The walls that a worker builds around itself, in the order that the kernel wants. */
#ifndef COMMON_WALLS_H
#define COMMON_WALLS_H

#include <stdbool.h>

#include "message.h"

/*
 * True in a build with sanitizers: their runtimes make system calls of their own, want their options from the
 * environment and a stderr to complain on. Such a worker has all walls but the filters, and is not told to miss them.
 */
bool walls_are_soft(void);

/*
 * All but the filters; to be called by a process of one thread, before it opens anything. What cannot be built is left
 * out, and `ready` says so. 0 or negative errno with err.
 */
int walls_build(const struct message_birth *birth, struct message_ready *ready, struct ukvmm_err *err);

/*
 * A mount namespace whose root is empty and read-only, for workers to go to: an fd, or negative errno where it cannot be
 * had. Forks for an instant.
 */
int walls_mounts(void);

/* One more wall: rc 0, it stands; else it is missing. */
void walls_note(struct message_ready *ready, uint32_t wall, int rc);

#endif
