/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of a worker's threads. Each is narrower than the one that the process has from its setup on. */
#ifndef COMMON_FILTERS_H
#define COMMON_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

struct filters {
	bool on;
	bool vsock;   /* the io thread serves streams that it accepts, or that the control hands over, */
	bool inspect; /* and reads a vCPU's registers */
	uint32_t on_violation; /* UKVMM_VIOLATION_* */
};

/* The calling thread, which may still make a VM and threads, is left with what that needs. */
int filters_setup(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err);
/* ... with what a guest's vCPU needs; serves: it does its devices' work, too. */
int filters_vcpu(const struct filters *f, struct ukvmm_host *host, bool serves, struct ukvmm_err *err);
int filters_io(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err);
int filters_work(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err);

#endif
