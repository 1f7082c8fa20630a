/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup of `ukvmm run`'s worker: --cpu-quota, --memory-overhead, --io-max. */
#ifndef CLI_GUEST_LIMITS_H
#define CLI_GUEST_LIMITS_H

#include "machine.h"

/* Makes it, where an option asks for it. 0, or -1 after a report. */
int limits_make(struct machine *m, const struct run_options *o);
/* Sets its limits; the disks are open. 0, or -1 after a report. */
int limits_set(struct machine *m, const struct run_options *o);
/* Takes it away; the worker is dead. */
void limits_close(struct machine *m);

#endif
