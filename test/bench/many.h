/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_MANY_H
#define BENCH_MANY_H

#include "bench.h"

struct tiny_code;
struct ukvmm_host;
struct ukvmm_poller;

/* tiny_image, or the end of the program. */
int many_image(const struct tiny_code *code);

/* `n` VMs that have each run, alive at once: fds, threads, user and kernel memory of each. */
void many_alive(struct bench *b, struct ukvmm_host *host, struct ukvmm_poller *poller, unsigned int n);
/* `n` VMs that have rung the idle doorbell, on four vCPU threads: CPU time over `seconds`. */
void many_idle(struct bench *b, struct ukvmm_host *host, struct ukvmm_poller *poller, unsigned int n, int seconds);

#endif
