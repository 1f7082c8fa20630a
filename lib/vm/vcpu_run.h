/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_VCPU_RUN_H
#define VM_VCPU_RUN_H

#include <signal.h>

#include "vm.h"

/* One ukvmm_vcpu_run. */
struct run {
	struct ukvmm_vcpu *vcpu;
	struct run_limits limits;
	struct ukvmm_stop stop;
	struct ukvmm_err *err;
	sigset_t mask;
};

/* Runs the guest until there is something to return: 1 with r->stop filled in, or a negative errno. Between
 * kicker_enter and kicker_leave. */
int run_loop(struct run *r);
/* A kick signal has come: takes it. 1: a limit is reached, *stop says which; 0: go on, with a look at the reasons. */
int run_interrupted(struct run *r);

#endif
