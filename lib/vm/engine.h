/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where requests of disks that may block are done: by the threads in ukvmm_host_work, or through the host's one ring.
 *
 * With threads, a disk never has all of them (but for a single one): what a disk that hangs can hold is its own
 * requests and the threads that they took.
 */
#ifndef VM_ENGINE_H
#define VM_ENGINE_H

#include "block.h"

struct ukvmm_host;
struct ukvmm_err;

struct engine_threads {
	struct block_engine engine; /* first */
	struct ukvmm_host *host;
};

void engine_threads_init(struct engine_threads *t, struct ukvmm_host *host);
/* Makes the host's ring; if that fails nobody tries again. */
void host_ring_now(struct ukvmm_host *host);
/* The host's ring, made when first asked for. -ENOTSUP: the kernel has none for us. Any thread. */
int host_ring(struct ukvmm_host *host, struct uring **out, struct ukvmm_err *err);

#endif
