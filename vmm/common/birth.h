/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a worker's process: born in its namespaces and its cgroup, with three descriptors and no environment, as
 * a new run of a program (so that its addresses are its own). */
#ifndef COMMON_BIRTH_H
#define COMMON_BIRTH_H

#include <stdint.h>
#include <sys/types.h>

#include "worker.h"

enum { BIRTH_SOCKET = 3, BIRTH_KVM = 4, BIRTH_MOUNTS = 5 /* with BIRTH_ROOT */, BIRTH_FDS = 6 }; /* 0 to 2 are /dev/null */

#define BIRTH_WORD "--worker" /* its one argument */

struct birth {
	pid_t pid;
	int pidfd;
};

/* to: the control's end of the socket, sock: the worker's, kvm: an open /dev/kvm; all stay the caller's. 0, or negative
 * errno with err; if b->pid > 0 there is a process all the same. */
int birth_give(const struct worker_config *config, int to, int sock, int kvm, struct birth *b, struct ukvmm_err *err);

/*
 * Where it could not be born in its cgroup it is moved there, which can take long; it gets ready meanwhile, and is READY only
 * then: its guest is within the limits from the beginning. to: as above.
 */
int birth_place(const struct worker_config *config, int to, pid_t pid, struct ukvmm_err *err);

#endif
