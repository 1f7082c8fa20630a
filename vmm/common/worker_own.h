/* SPDX-License-Identifier: Apache-2.0 */
/* Within worker*.c. */
#ifndef COMMON_WORKER_OWN_H
#define COMMON_WORKER_OWN_H

#include <signal.h>

#include "worker.h"

enum state { BORN, READY, BUSY, DONE };

struct worker {
	int sock, pidfd, epoll; /* sock -1: it has hung up */
	pid_t pid;
	enum state state;
	bool killed, lied;
	bool brokered;	 /* somebody else's child, who tells of its death by the socket, */
	uint64_t proof;	 /* with this */
	bool dead, told; /* the kernel is done with it; so has the caller been told */
	siginfo_t end;
	struct worker_death death; /* as the broker told */
	const struct cgroup *cgroup;
};

void worker_kill_now(const struct worker *w);
/* Nothing more is heard from it; nor is it wanted to go on. Of a broker's: it is dead. */
void worker_hang_up(struct worker *w);
/* Whether the kernel is done with it. options: WNOHANG or 0. */
void worker_reap(struct worker *w, int options);

#endif
