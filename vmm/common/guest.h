/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's half of a job: a VM from the message, then its threads. Threads: the main thread runs vCPU 0 and, once
 * it has a filter, nothing else; one more for each further vCPU; four for each disk, lent to the library; and the io
 * thread, made before the job, which serves poller, console and control, and ends the process.
 */
#ifndef COMMON_GUEST_H
#define COMMON_GUEST_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

#include "filters.h"
#include "message.h"

enum { GUEST_VCPUS_MAX = 1024 };

/* How one vCPU came back. */
struct outcome {
	int rc; /* of ukvmm_vcpu_run */
	struct ukvmm_stop stop;
	struct ukvmm_err err;
};

struct console {
	int fd; /* -1: none, or gone */
	uint32_t ports, port; /* how many there are, which one was read last */
	size_t at, len;	      /* of out: what is still to be written */
	size_t in_at, in_len; /* of in: what the guest has not taken */
	uint64_t retry_at;    /* when to offer it again; 0: nothing waits */
	uint64_t lost;
	char out[16384];
	uint8_t in[1024];
};

struct guest {
	int sock;	/* to the control */
	int wake;	/* an eventfd: io has something to look at */
	int epoll;
	int door;	/* where the guest's vsock connects are asked for; -1: nowhere */
	struct message_birth birth;
	struct filters filters;
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	struct message_job job;
	bool begun;	 /* the io thread serves */
	uint64_t broken; /* a bit for each device that was told to be */
	sem_t runnable;	 /* a vCPU that parked may go on */
	sem_t io_ready;	 /* the io thread has its filter */
	atomic_uint in;	 /* vCPUs */
	atomic_uint out; /* of these, how many are back for good */
	struct outcome *outcome;
	struct console console;
	int core;	     /* where its state is to be written once it stands still; -1: nowhere */
	uint32_t core_flags; /* CORE_* */
	bool held, still;    /* it is to stand still for good; it stands */
};

/* ---- guest_make.c ---- */

/*
 * From a job (whose fds are descriptors now) to a sealed VM. 0, or the phase that failed with *index and err. `texts`:
 * the command line and the words behind it.
 */
enum message_phase guest_make(struct guest *g, const char *texts, uint32_t *index, struct ukvmm_err *err);

/* JOB_CHECK: reads the image, says what came of it, and ends the process. */
__attribute__((noreturn)) void guest_check(struct guest *g);

/* ---- guest_run.c ---- */

/* Runs a sealed VM; the calling thread is its vCPU 0. Never returns. */
__attribute__((noreturn)) void guest_run(struct guest *g);
/* A vCPU that returned IDLE is to be run again. Any thread. */
void guest_runnable(struct guest *g);
/* Tells the control that no guest comes of it, and ends the process. */
__attribute__((noreturn)) void guest_failed(const struct guest *g, enum message_phase phase, uint32_t index,
	const struct ukvmm_err *err);

/* ---- guest_io.c ---- */

/* The io thread: sleeps until `wake` is written. Ends the process once all vCPUs are out. */
void *guest_io(void *guest);
/* Makes what it sleeps on. 0 or negative errno. */
int guest_io_init(struct guest *g);
/* Poller, console and control are to be served, or all vCPUs are out. Any thread. */
void guest_io_wake(const struct guest *g);

/* One message of the control, which is there. A control that is gone ends the process. */
void guest_io_control(struct guest *g);

/* ---- guest_core.c, guest_core_elf.c; the io thread's ---- */

/* Pauses the guest for its state, which goes to fd; takes fd. */
void guest_core_ask(struct guest *g, int fd, uint32_t flags);
/* It stands still: writes, and lets it go on if it is not held. */
void guest_core_paused(struct guest *g);
/* It stands still for good. */
void guest_core_hold(struct guest *g);

struct core_segment {
	uint64_t at, bytes; /* guest-physical */
};
/*
 * What comes before the memory: head, segments, a note of registers for each vCPU. *len bytes for free(), or NULL.
 */
char *core_head(const struct guest *g, const struct core_segment *s, uint32_t segments, size_t *len);

/* ---- guest_console.c; the io thread's ---- */

/* Moves the guest's output. 0: done; 1: the reader has to be waited for. A reader that is gone takes everything. */
int console_pump(struct console *c, struct ukvmm_vm *vm);
/* Takes input and gives it to the guest; true: there may be more to read. */
bool console_input(struct console *c, struct ukvmm_vm *vm);

#endif
