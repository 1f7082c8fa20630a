/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of a worker's threads: made ahead, since making one takes longer than starting a guest. */
#ifndef COMMON_FILTERS_H
#define COMMON_FILTERS_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

enum { FILTER_BYTES = 4096 * sizeof(struct sock_filter) };

struct filter {
	uint32_t len; /* 0: none */
	struct sock_filter code[FILTER_BYTES / sizeof(struct sock_filter)];
};

struct filters {
	bool on;
	uint32_t on_violation;
	struct filter vcpu, vcpu_serves, io, work;
};

/* Makes those for threads that run; on is false where the kernel has none. 0 or negative errno. */
int filters_make(struct filters *f, struct ukvmm_host *host, uint32_t on_violation, struct ukvmm_err *err);

/* The calling thread, which may still make a VM and threads, is left with what that needs. */
int filters_setup(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err);

/* The calling thread is left with what this filter has. 0 or negative errno. */
int filters_enter(const struct filters *f, const struct filter *filter);

#endif
