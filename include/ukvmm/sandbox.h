/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second wall: what is left to a guest that has taken over the threads that run it. Every step is a call of its
 * own, changes the calling thread or process only, and none is made behind the caller's back.
 *
 * The order is: acquire (open /dev/kvm, images, disks, taps; ukvmm_host_open), seal (ukvmm_vm_seal,
 * ukvmm_host_prepare), drop (the steps below, then ukvmm_sandbox_enter in each thread), run. Whoever must make VMs
 * after the drop says so (UKVMM_MAY_CREATE). doc/security.md has the calls that each role is left with, and why.
 *
 * Linux 5.11 or newer is needed for all of it; a step that the kernel does not have answers -ENOSYS or -EOPNOTSUPP and
 * changes nothing, and the caller decides whether it goes on without.
 */
#ifndef UKVMM_SANDBOX_H
#define UKVMM_SANDBOX_H

#include "ukvmm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- system calls ---- */

#define UKVMM_ROLE_VCPU 1u /* a thread that calls ukvmm_vcpu_run */
#define UKVMM_ROLE_IO 2u   /* a thread that runs a poller; that controls VMs: stop, pause, console, statistics */
#define UKVMM_ROLE_WORK 3u /* a thread lent to ukvmm_host_work */

/* may: what a thread of that role is left with beyond running sealed VMs */
#define UKVMM_MAY_CREATE 1u  /* ukvmm_image_open, ukvmm_vm_new, _add_*, _rebind, _seal, _destroy and ukvmm_host_prepare,
				of fds that it has or receives; and a narrower filter later. The host's io_uring
				must be there: a disk with UKVMM_BLK_URING, of any VM, has made it. IO, WORK */
#define UKVMM_MAY_THREADS 2u /* threads of any role, which are born with this filter: ukvmm_vm_run. IO */
#define UKVMM_MAY_SERVE 4u   /* devices are served on the vCPU's thread too: see below. VCPU */
#define UKVMM_MAY_CONNECT 8u /* AF_UNIX sockets, made, connected and accepted: the streams of vsock. IO, and VCPU with
				UKVMM_MAY_SERVE */
#define UKVMM_MAY_STATE 16u  /* ukvmm/debug.h, and saving and loading the state of a paused VM. IO */
#define UKVMM_MAY_INSPECT 32u /* ukvmm/debug.h only: a paused VM is looked at, and not changed. IO */
#define UKVMM_MAY_STREAM 64u  /* the streams of vsock on sockets that are there: accepted, or handed over by `connect` of
				ukvmm_vsock_config; none is made or connected. IO */

#define UKVMM_VIOLATION_KILL 0u /* the process ends by SIGSYS */
/* for development: */
#define UKVMM_VIOLATION_TRAP 1u /* the call fails and the thread gets SIGSYS; si_syscall says which it was */
#define UKVMM_VIOLATION_LOG 2u	/* the call is made, and logged by the kernel's audit */

struct ukvmm_sandbox_config {
	uint32_t size;
	uint32_t role;	       /* UKVMM_ROLE_* */
	uint32_t may;	       /* UKVMM_MAY_* */
	uint32_t on_violation; /* UKVMM_VIOLATION_* */
};

/*
 * Leaves the calling thread with the system calls of its role, for good; threads and processes that it makes later
 * are born so. Other threads of the process are not touched. Sets no-new-privs if it is not set. May be called again
 * with a narrower config where the first had UKVMM_MAY_CREATE.
 *
 * What is allowed is what the library needs, what reading, writing and waiting on fds that are there needs (IO), and
 * what a C library needs to allocate memory (not VCPU alone), lock and end a thread. Memory cannot be made executable;
 * no file, no socket but UKVMM_MAY_CONNECT's is opened; signals reach threads of the calling process only, and only
 * the host's kick signal.
 *
 * A vCPU thread without UKVMM_MAY_SERVE may not touch what is behind a device: from the call on, no VM of this host is
 * served on vCPU threads, all devices (UKVMM_DEVICE_INLINE) are the poller's. Solo5 hvt guests, which
 * wait for their network on the vCPU's thread, need it.
 *
 * Not async-signal-safe. -EINVAL: bad config, or a `may` that the role does not have. -ENOSYS: no seccomp here.
 * -ENOMEM, -EACCES: as seccomp(2).
 */
int ukvmm_sandbox_enter(struct ukvmm_host *host, const struct ukvmm_sandbox_config *config, struct ukvmm_err *err);

/*
 * The same filter as classic BPF (an array of struct sock_filter), for programs that load filters of their own. It
 * holds the calling process's id: not for a child. Returns the bytes that it needs and stores it if `bytes` is enough;
 * filters may be NULL with bytes 0. Once it was stored for VCPU without UKVMM_MAY_SERVE, VMs of the host are served as with
 * ukvmm_sandbox_enter. -EINVAL: bad config. Any thread.
 */
int64_t ukvmm_sandbox_bpf(struct ukvmm_host *host, const struct ukvmm_sandbox_config *config, void *filters,
	size_t bytes);

/* ---- the other steps ---- */

/* No exec gives privileges any more, and filters may be loaded without any. This thread and what it makes. */
int ukvmm_sandbox_no_new_privs(struct ukvmm_err *err);

/* Empties the bounding, ambient, inheritable, permitted and effective sets of this thread, and sets the secure bits
 * that keep a uid 0 from having them back. Call it before threads are made. -EPERM: the bounding set or the secure bits
 * could not be changed for want of CAP_SETPCAP; the other sets are empty all the same. */
int ukvmm_sandbox_no_capabilities(struct ukvmm_err *err);

/* No core dump, no ptrace and no /proc/PID of this process for others of its user. */
int ukvmm_sandbox_undumpable(struct ukvmm_err *err);

#define UKVMM_LIMIT_ZERO 0xffffffffffffffffu /* zero, in the fields of 64 bits */

/*
 * Hard and soft limits of the process; 0: left as it is. A limit is never raised above the hard one that is there: the
 * lower holds.
 */
struct ukvmm_sandbox_limits {
	uint32_t size;
	uint32_t files;	       /* RLIMIT_NOFILE: fds, those of VMs made later included (ukvmm_vm_fds) */
	uint64_t file_bytes;   /* RLIMIT_FSIZE: no file grows beyond it */
	uint64_t processes;    /* RLIMIT_NPROC of the user: threads count, and KVM makes one more per VM */
	uint64_t core_bytes;   /* RLIMIT_CORE */
	uint64_t locked_bytes; /* RLIMIT_MEMLOCK */
};

/* Sets them all, or fails at the first that cannot be set. -EINVAL: bad structure. */
int ukvmm_sandbox_limit(const struct ukvmm_sandbox_limits *limits, struct ukvmm_err *err);

/* Closes every fd of the process but the `n` given ones, in any order; negative ones are ignored. The fds that the
 * library holds are to be among them: call it before ukvmm_host_open. -ENOMEM. */
int ukvmm_sandbox_close_fds(const int32_t *keep, uint32_t n, struct ukvmm_err *err);

/*
 * Takes the file system from this thread and what it makes: no path can be opened, made, removed or executed. Where the
 * kernel has it, TCP (ABI 4), and abstract AF_UNIX sockets and signals to outside of this domain (ABI 6) too. abi (may
 * be NULL) receives the kernel's Landlock ABI, 0: none. Connecting to a path of AF_UNIX stays possible. -EOPNOTSUPP:
 * switched off, -ENOSYS: not compiled in.
 */
int ukvmm_sandbox_landlock(uint32_t *abi, struct ukvmm_err *err);

#ifdef __cplusplus
}
#endif
#endif
