/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdint.h>

/* Offsets are in counter_round.S. */
struct counter_state {
	uint64_t r[14];	   /* rax rbx rdx rsi rdi rbp r8-r15 */
	uint64_t x[16][2]; /* xmm0-15 */
	uint64_t f[2];	   /* x87: two doubles */
} __attribute__((aligned(16)));

/* n steps over all of it, each in its own register from the first step to the last. */
void counter_round(struct counter_state *state, uint64_t n);

#endif
