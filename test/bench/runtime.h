/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the benchmark `runtime`. Each adds its series and values to `b`; the namespace is entered. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "bench.h"
#include "beside.h"

#define RUNTIME_IMAGE(name) RUNTIME_GUESTS "/" name ".elf"

/* Starts of the no-op function in this process, as `ukvmm run`, and under QEMU's microvm, in turn. */
void runtime_starts(struct bench *b, unsigned int runs);
/* Requests on one connection that stays. */
void runtime_warm(struct bench *b, unsigned int requests);
/* A body of 50 MiB. */
void runtime_body(struct bench *b, unsigned int runs);
/* fib, matmul, bubble, alloc and readfile as guests and here. */
void runtime_functions(struct bench *b, unsigned int runs);

#endif
