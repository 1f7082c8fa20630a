/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a sealed VM. Nothing is given back: the process ends when its VM does. */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include <ukvmm/ukvmm.h>

#include "options.h"

struct machine {
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	char name[48]; /* of the VM: the image's file name, as much as a VM's name may hold */
};

/* CLI_OK, or the exit status after a report. */
int machine_make(struct machine *m, const struct run_options *o);

#endif
