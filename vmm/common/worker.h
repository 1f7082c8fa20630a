/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers, from the outside: processes that are made ahead, wall themselves in and wait; each is given one job, a VM,
 * and ends with it. Nothing here waits for a worker, believes it, or fails because of one: whatever it does, it is
 * reported as an event of its own. Any number in a process, each with one descriptor to poll. One thread at a time per
 * worker; worker_new from a thread that lives as long as its workers (they are killed when it ends).
 *
 *	worker_new -> READY -> worker_start(job) -> (NOTIFY, BROKEN, STATS)* -> STOPPED -> DEAD
 *	                                         -> FAILED -> DEAD
 *
 * DEAD may come at any point, is always the last event, and comes once: the process is gone then, and nobody has what
 * came with its job any more. The guest's output comes by the job's
 * console_fd: all of it has been written there before STOPPED is sent; after a DEAD without STOPPED, read it to its
 * end for the output so far.
 */
#ifndef COMMON_WORKER_H
#define COMMON_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "message.h"

struct cgroup; /* cgroup.h */
struct worker;

#define WORKER_NO_SANDBOX 1u /* no walls, for debugging */
#define WORKER_TRACE 2u	     /* system calls outside of the list are logged by the kernel, and done */
#define WORKER_URING 4u	     /* its job may have disks with UKVMM_BLK_URING; for others such a job fails */
#define WORKER_VSOCK 8u	     /* its job may have vsock; for others such a job fails */
#define WORKER_INSPECT 16u   /* worker_core may be asked for; of others nothing comes */

/*
 * kvm_fd         an open /dev/kvm, kept by the caller; -1: it is opened.
 * program        an open ukvmm-worker (worker_program), kept by the caller; 0: this very program, whose main() has to
 *                begin with worker_main_if_worker.
 * uid, gid       what the worker becomes where the caller is root; 0: nobody's, 65534.
 * memory, vcpus, irqchip
 *                of the job to come: a VM of this kind is made ahead. A job of another kind works, slower. memory 0:
 *                no VM is made ahead.
 * cgroup         where it is born; NULL: the caller's. Kept open until the worker is freed.
 * net            where the caller is root: an empty network namespace for it alone, kept by the caller; 0: one is made.
 * mounts         the same, a mount namespace with an empty read-only root (walls_mounts); any number may share it.
 * cpus, cpus_len the CPUs that it may use; none: the caller's.
 */
struct worker_config {
	uint32_t flags; /* WORKER_* */
	int kvm_fd, program, net, mounts;
	uid_t uid;
	gid_t gid;
	uint64_t memory;
	uint32_t vcpus, irqchip;
	const struct cgroup *cgroup;
	const uint32_t *cpus;
	uint32_t cpus_len;
};

/* Starts a process and returns: it gets ready by itself. 0, or a negative errno. A failure later is an event. */
int worker_new(const struct worker_config *config, struct worker **out, struct ukvmm_err *err);

/* For broker.c: one that somebody else starts, and tells of with this proof; its end of the socket is taken over. */
int worker_adopt(int sock, uint64_t proof, struct worker **out, struct ukvmm_err *err);
/* How a process ended, from waitid's siginfo_t. */
struct worker_death worker_death_of(int code, int status, bool known);

/* Readable (EPOLLIN, level-triggered) while worker_next has something. The worker's own. */
int worker_fd(const struct worker *w);
/*
 * Opens the program that is a worker and nothing else, so that workers are as small as they can be: beside this one, or
 * where it is installed. An fd above 2, or negative errno with err. Early: before the file system or rights are given up.
 */
int worker_program(struct ukvmm_err *err);

/* The process; 0 once it is dead, or where a broker has started it. */
pid_t worker_pid(const struct worker *w);

/*
 * Hands over the job, after READY. The fds in it are the caller's, who may close them afterwards; texts may be NULL.
 * -EBADFD: not ready, or it has one. Other failures are those of message_send_job, and the worker's end.
 */
struct worker_job {
	struct message_job config; /* its fd fields hold descriptors, -1: none */
	struct message_texts texts;
};
/* A job with nothing in it: no descriptor, one vCPU. */
void worker_job_init(struct worker_job *job);
int worker_start(struct worker *w, const struct worker_job *job, struct ukvmm_err *err);

/* Asks for the guest's end, for STATS, for another size of the console. 0 or negative errno: -EAGAIN, it does not
 * read. */
int worker_stop(struct worker *w);
int worker_ask(struct worker *w);
/*
 * Asks for the guest's state, which is written to `fd` (the caller's, who may close it now; not blocking): eight bytes,
 * how many follow, and an ELF core. The guest stands still meanwhile. Where nothing comes of it fd is closed early.
 * flags: CORE_MEMORY.
 */
int worker_core(struct worker *w, uint32_t flags, int fd);
int worker_resize(struct worker *w, uint32_t cols, uint32_t rows);
/* The guest is to stand still until its end; its state can be asked for. */
int worker_hold(struct worker *w);

/* Ends it at once. DEAD follows. Repeatable. */
void worker_kill(struct worker *w);

enum worker_event_type {
	WORKER_READY = 1, /* message.ready */
	WORKER_NOTIFY,	  /* message.notify */
	WORKER_BROKEN,	  /* message.broken */
	WORKER_STATS,	  /* message.stats */
	WORKER_FAILED,	  /* message.failed */
	WORKER_STOPPED,	  /* message.stopped */
	WORKER_DEAD,	  /* death */
};

enum worker_cause {
	CAUSE_EXIT,    /* by itself; number: its status */
	CAUSE_SIGNAL,  /* number: which. SIGSYS: a system call that it may not make */
	CAUSE_MEMORY,  /* killed by the kernel at its cgroup's limit */
	CAUSE_LIES,    /* it sent what a worker does not send, and was killed for it */
	CAUSE_KILLED,  /* by worker_kill */
	CAUSE_UNKNOWN, /* its broker could not tell */
	CAUSE_LAST = CAUSE_UNKNOWN,
};

/* done: it had said FAILED or STOPPED before. status: for a program's own exit, 125 or 128 + signal. */
struct worker_death {
	enum worker_cause cause;
	int number, status;
	bool done;
};

struct worker_event {
	enum worker_event_type type;
	struct message message;	   /* all but DEAD */
	struct worker_death death; /* DEAD */
};

/* The next event: 1, or 0: none is there. Never waits; takes one message a call, so that callers can be fair. */
int worker_next(struct worker *w, struct worker_event *event);

/* What a death is called: "it died of signal 31 (Bad system call)", and so on. */
void worker_death_text(const struct worker_death *death, char *text, size_t len);

/* Kills it if it lives, waits until the kernel is done with it, frees. NULL is ignored. */
void worker_free(struct worker *w);

/* What a wall (WALL_*) is called. */
const char *worker_wall_name(uint32_t wall);

/*
 * For main(), before anything else: never returns in a process that worker_new started.
 */
void worker_main_if_worker(int argc, char **argv);

#endif
