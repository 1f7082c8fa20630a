/* SPDX-License-Identifier: Apache-2.0 */
/* What the C library calls for memory, locks and threads, and what any thread may do with fds that it has. */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#define FUTEX_IS(op) CALL_MASKED, 1, (uint64_t)(uint32_t)FUTEX_CMD_MASK, op
#define RW (PROT_READ | PROT_WRITE)
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
		      CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define MEMORY (CALL_IO | CALL_WORK | CALL_SERVE)

static const struct call_rule rules[] = {
	CALL("futex", CALL_EVERY, "mutexes: wait", { FUTEX_IS(FUTEX_WAIT) }),
	CALL("futex", CALL_EVERY, "mutexes, condition variables: wake", { FUTEX_IS(FUTEX_WAKE) }),
	CALL("futex", CALL_EVERY, "condition variables, the end of a thread: wait", { FUTEX_IS(FUTEX_WAIT_BITSET) }),
	CALL("exit", CALL_EVERY, "a thread ends"),
	CALL("madvise", CALL_EVERY,
		"a thread's stack at its end, memory that is free, a device's buffers after a reset",
		CALL_EQ(2, MADV_DONTNEED)),
	CALL("rt_sigreturn", CALL_EVERY, "the end of a signal handler of the embedder's"),
	CALL("rt_sigprocmask", CALL_EVERY,
		"the kick is blocked while a vCPU runs; all signals, when a thread begins or ends"),
	CALL("exit_group", CALL_IO, "the process ends"),
	CALL("restart_syscall", CALL_IO | CALL_WORK | CALL_SERVE,
		"a wait with a timeout goes on after SIGCONT or a debugger"),
	CALL("brk", MEMORY, "malloc"),
	CALL("mmap", MEMORY, "malloc: never executable, never of a file", CALL_ONLY(2, RW),
		{ CALL_MASKED, 3, ~(uint64_t)MAP_NORESERVE, MAP_PRIVATE | MAP_ANONYMOUS }),
	CALL("mprotect", MEMORY, "malloc's heaps grow: never executable", CALL_ONLY(2, RW)),
	CALL("munmap", MEMORY, "free"),
	CALL_REFUSED("mremap", MEMORY, ENOMEM, "realloc copies instead"),
	CALL("read", CALL_IO | CALL_SERVE, "eventfds, timers, taps; the embedder's own pipes and sockets"),
	CALL("write", CALL_IO | CALL_SERVE, "eventfds, taps; the embedder's own pipes and sockets"),
	CALL("close", CALL_IO | CALL_WORK | CALL_SERVE, "fds of streams and of VMs that are over; of the embedder's"),
	CALL_REFUSED("openat", MEMORY, EACCES,
		"malloc looks for the host's settings before it shrinks a heap or makes many, and does "
		"without; opened in any other way, also to be written, a path is the end", CALL_EQ32(0, AT_FDCWD),
		CALL_EQ32(2, O_RDONLY | O_CLOEXEC)),
	CALL_REFUSED("sched_getaffinity", MEMORY, ENOSYS, "malloc counts processors before it makes many heaps"),
	CALL_REFUSED("newfstatat", CALL_IO, ENOSYS, "stdio asks what its stream is, and takes no answer for one"),
	CALL("fcntl", CALL_CREATE, "fds that are given are dup'ed", CALL_EQ(1, F_DUPFD_CLOEXEC)),
	CALL("fcntl", CALL_CREATE, "how an fd was opened", CALL_EQ(1, F_GETFL)),
	CALL("fcntl", CALL_CREATE, "fds of network back ends are made non-blocking", CALL_EQ(1, F_SETFL)),
	CALL("clone", CALL_THREADS, "pthread_create: a thread, nothing else", CALL_EQ(0, THREAD_FLAGS)),
	CALL_REFUSED("clone3", CALL_THREADS, ENOSYS, "its flags cannot be seen: the C library takes clone"),
	CALL("mmap", CALL_THREADS, "pthread_create: a stack", CALL_ONLY(2, RW),
		CALL_EQ(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK)),
	CALL("set_robust_list", CALL_THREADS, "a thread begins"),
	CALL("rseq", CALL_THREADS, "a thread begins"),
	CALL("rt_sigaction", CALL_THREADS, "the first pthread_create: the C library's own signal",
		CALL_EQ32(0, __SIGRTMIN + 1)),
};

CALL_TABLE(base);
