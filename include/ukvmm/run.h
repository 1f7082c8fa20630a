/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A convenience above the library: one VM to its end, blocking. The only call that starts threads (one
 * per vCPU and one for its poller), with all signals blocked in them; it joins them before it returns.
 */
#ifndef UKVMM_RUN_H
#define UKVMM_RUN_H

#include "ukvmm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Output of the serial line; used is set by the call, lost counts what did not fit. */
struct ukvmm_capture {
	uint32_t size, flags;
	char *buf;
	uint64_t len, used, lost;
};

/*
 * Runs a sealed VM until it ends or `deadline` (0: none) has passed; `stop` is what ended it
 * (DEADLINE: it was stopped and its vCPUs are out). The VM's poller must belong to this VM alone.
 * capture may be NULL: output is dropped.
 */
int ukvmm_vm_run(struct ukvmm_vm *vm, uint64_t deadline, struct ukvmm_capture *capture,
	struct ukvmm_stop *stop, struct ukvmm_err *err);

#ifdef __cplusplus
}
#endif
#endif
