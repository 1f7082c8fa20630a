/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From options to a job for a worker. We open what the operator named; the worker, which can open nothing, reads the
 * image and runs it. It is started first, so that it gets ready while we look for the files.
 */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include "devices.h"
#include "options.h"
#include "worker.h"

struct cgroup;

struct machine {
	struct worker *worker; /* NULL: it could not be started, worker_err says why */
	struct ukvmm_err worker_err;
	struct cgroup *cgroup; /* NULL: none of its own */
	int image, initrd;
	int console, worker_console; /* the ends of the guest's console: ours, the worker's */
	struct devices devices;
	char name[MESSAGE_VM_NAME]; /* of the VM: the image's file name, as much as a VM's name may hold */
};

/* Starts the worker and opens everything. CLI_OK, or the exit status after a report. */
int machine_open(struct machine *m, const struct run_options *o);

/* The worker is ready: gives it the job. CLI_OK, or the exit status after a report. */
int machine_start(struct machine *m, const struct run_options *o);

/* Reports why no guest came of it: the exit status. */
int machine_failed(const struct machine *m, const struct run_options *o, const struct message_failed *f);

/* Ends the worker, whatever it does, and takes away what has a name. */
void machine_close(struct machine *m, const struct run_options *o);

#endif
