/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs contract guests over the library's public API, as any embedder would. A case is a row of a
 * table: an image, how to start it, and how it must end. One case at a time, on the caller's thread
 * and those it starts.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>
#include <ukvmm/run.h>
#include <ukvmm/sandbox.h>
#include <ukvmm/x86.h>

enum { OUTPUT_BYTES = 1 << 16, TEXTS = 4, DEADLINE_S = 100 };

/* Interrupt chips that a case is run with, one after the other; 0: the default only. */
enum {
	SPLIT = 1 << UKVMM_X86_IRQCHIP_SPLIT,
	FULL = 1 << UKVMM_X86_IRQCHIP_FULL,
	NONE = 1 << UKVMM_X86_IRQCHIP_NONE
};

/* How a case ends. Where open or seal must fail, reason is 0 and code the error. */
struct outcome {
	uint32_t reason, flags; /* UKVMM_STOP_*; flags exactly */
	uint32_t status;
	int code;		  /* ukvmm_image_open or ukvmm_vm_seal fails with it */
	const char *says[TEXTS];  /* each is part of the guest's output */
	const char *error[TEXTS]; /* each is part of the error's text */
};

struct drive;

/* What the embedder does meanwhile. Every call may be NULL; they run on the poller's thread unless
 * it says otherwise. */
struct script {
	int (*prepare)(struct drive *d);		 /* before seal; 0 or negative errno */
	void (*output)(struct drive *d);		 /* more output has come */
	void (*notify)(struct drive *d, uint64_t value); /* the guest's doorbell */
	void (*paused)(struct drive *d);
	void (*idle)(struct drive *d); /* a vCPU came back IDLE; on its thread */
	void (*slice)(struct drive *d); /* a slice is over, of the first three, which have 2 ms; on the vCPU's thread */
	uint64_t (*trap)(struct drive *d,
		const struct ukvmm_stop *stop); /* the answer; on the vCPU's thread */
	const char *(*judge)(struct drive *d);	/* after the end: what is wrong, or NULL */
};

struct guest_case {
	const char *name, *image;
	const char *cmdline; /* %u: number of the line that prepare made */
	uint32_t boot;	     /* UKVMM_BOOT_* */
	uint32_t image_flags, vm_flags;
	uint32_t memory_mib, vcpus, chips;
	uint32_t initrd_bytes; /* of the pattern i * 7 + 3; 0: none */
	const char *initrd_file;
	uint32_t modules; /* module i: (i + 1) * 1000 bytes of the pattern, text "module<i>" */
	uint32_t devices; /* virtio devices of no use */
	const struct script *script; /* NULL: ukvmm_vm_run */
	int (*make)(
		int guests, const struct guest_case *c); /* the image's fd, in place of a file */
	uint32_t variant;				 /* for make */
	uint32_t again; /* further runs, for what depends on who is first */
	struct outcome want;
	struct outcome pvm;   /* on kvm_pvm instead, where reason is not 0 */
	const char *pvm_skip; /* why these chips' runs are skipped on kvm_pvm */
	uint32_t pvm_skip_chips;
};

/* Under which filters a case runs; such a process runs one. */
enum sealed {
	SEALED_NOT,
	SEALED_STRICT,	/* a vCPU thread is left with the least; Solo5 guests as in SERVE */
	SEALED_SERVE,	/* vCPU threads serve devices */
	SEALED_THREADS, /* threads are made after the fact and born with the filter */
};

/* A run of one case. */
struct drive {
	const struct guest_case *c;
	enum sealed sealed;
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	struct ukvmm_irq *irq;
	struct ukvmm_stop stop; /* what ended it */
	struct ukvmm_err err;
	char output[OUTPUT_BYTES];
	uint64_t used, lost;
	/* for scripts */
	uint64_t step, notified, pauses;
	void *io;
	bool disorder, pausing;
	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t runnable[8], idles, traps;
	uint64_t trapped[32][3]; /* address, width, value written (reads: ~0) */
	int rc;
};

/* cases.c, cases_boot.c ...: arrays that end with a NULL name. */
extern const struct guest_case cases_boot[], cases_machine[], cases_end[], cases_bad[], cases_io[],
	cases_hvt[];

extern const struct script script_echo, script_echo_long, script_doorbell, script_park,
	script_ticks, script_trap, script_trap_only, script_stop, script_pause, script_rng,
	script_disk, script_net, script_console, script_ready, script_park_waits;

/* Makes everything up to the sealed VM. 0, or the error that ended it (text in d->err). */
int drive_open(struct drive *d, int guests, uint32_t irqchip);
/* Runs it to its end, by ukvmm_vm_run or by the script. 0 or a negative errno. */
int drive_run(struct drive *d);
int drive_script(struct drive *d);
/* Leaves this thread with its role's calls, if the case is sealed. Ends the process if that fails. */
void drive_enter(const struct drive *d, uint32_t role);
/* Takes it all down; what is wrong, or NULL. */
const char *drive_close(struct drive *d);

/* A file without a name: bytes of the pattern, or a copy of what is given. */
int memfd_pattern(uint32_t bytes);
int memfd_bytes(const void *bytes, size_t len);

int make_bad(int guests, const struct guest_case *c);

#endif
