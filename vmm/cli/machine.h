/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a sealed VM. Little is given back: the process ends when its VM does. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <ukvmm/ukvmm.h>

#include "devices.h"
#include "options.h"

struct machine {
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	struct devices devices;
	char name[48]; /* of the VM: the image's file name, as much as a VM's name may hold */
};

/* CLI_OK, or the exit status after a report. */
int machine_make(struct machine *m, const struct run_options *o);

/* Ends devices in order: what a guest has written gets to its disks, a socket's name is taken away.
 * Every vCPU is out, and nobody uses the VM any more. Does nothing to one without devices. */
void machine_close(struct machine *m, const struct run_options *o);

#endif
