/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup of `ukvmm run`'s worker: --cpu-quota, --memory-overhead. */
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include "machine.h"

/* Makes it, where an option asks for it. 0, or -1 after a report. */
int limits_make(struct machine *m, const struct run_options *o);
/* Sets its limits. 0, or -1 after a report. */
int limits_set(struct machine *m, const struct run_options *o);
/* Takes it away; the worker is dead. */
void limits_close(struct machine *m);

#endif
