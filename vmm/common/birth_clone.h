/* SPDX-License-Identifier: Apache-2.0 */
/* A child that is to become another program, without a copy of us: as vfork(2), with the arguments of clone3(2). */
#ifndef COMMON_BIRTH_CLONE_H
#define COMMON_BIRTH_CLONE_H

#include <linux/sched.h>
#include <sys/types.h>

/*
 * The child runs `run`, which never returns, in our memory and on a stack of its own; we stand still until it has
 * become another program or has ended. It may call what a signal handler may. args: CLONE_VM, CLONE_VFORK and the
 * stack are added. Its pid, or negative errno: -ENOSYS where this is not known to the machine or a sanitizer would not
 * bear it.
 */
pid_t birth_clone(struct clone_args *args, void (*run)(void *arg), void *arg);

#endif
