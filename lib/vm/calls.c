/* SPDX-License-Identifier: Apache-2.0 */
/* Running vCPUs, the poller, and what the embedder's own loop waits with. */
#include "calls.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

static const struct call_rule rules[] = {
	CALL("rt_sigtimedwait", CALL_VCPU | CALL_STATE, "a kick that ended a run is taken"),
	CALL("timer_create", CALL_VCPU, "limits of a run, at the first on this thread", CALL_EQ32(0, CLOCK_MONOTONIC)),
	CALL("timer_settime", CALL_VCPU, "limits of a run"),
	CALL("timer_delete", CALL_VCPU | CALL_CREATE, "a vCPU moved to another thread; its VM is over"),
	CALL("timerfd_settime", CALL_VCPU | CALL_IO, "the poller's next deadline"),
	CALL("tgkill", CALL_VCPU | CALL_IO, "kicks: threads of this process, the kick signal", CALL_IS_PID(0),
		CALL_IS_SIGNAL(2)),
	CALL("clock_gettime", CALL_VCPU | CALL_IO, "CPU time used"),
	CALL("write", CALL_VCPU, "the poller is woken: an eventfd, 8 bytes", CALL_EQ(2, sizeof(eventfd_t))),
	CALL("write", CALL_WORK, "the same", CALL_EQ(2, sizeof(eventfd_t))),
	CALL("epoll_wait", CALL_IO, "the poller; the embedder's own loop"),
#ifndef SYS_epoll_wait
	CALL("epoll_pwait", CALL_IO, "the same, on architectures that have only this one"),
#endif
	CALL("epoll_ctl", CALL_IO | CALL_SERVE, "fds that devices watch"),
	CALL("ppoll", CALL_SERVE, "a Solo5 guest waits for its network"),
	CALL("eventfd2", CALL_CREATE, "kicks of a VM's devices"),
	CALL("epoll_create1", CALL_CREATE, "a poller"),
	CALL("timerfd_create", CALL_CREATE, "a poller"),
	CALL("signalfd4", CALL_CREATE, "a Solo5 guest that waits can be kicked"),
};

CALL_TABLE(vm);
