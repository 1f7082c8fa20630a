/* SPDX-License-Identifier: Apache-2.0 */
/* Operations become a program for stubs.S, here where instructions cost nothing: there each may be emulated. */
#include "x86.h"

enum { WORDS = 3 * RT_OPS_MAX + 4 };

static uint32_t program[WORDS];

/* Writes and reads in turns, as long as each goes on; where the value of a read will be goes into its op. */
static void compile(struct rt_op *op, size_t n)
{
	uint32_t *to = program, *count;
	size_t i = 0;

	do {
		for (count = to++, *count = 0; i < n && op[i].kind == RT_WRITE; i++, ++*count) {
			*to++ = (uint32_t)op[i].at;
			*to++ = op[i].value;
		}
		for (count = to++, *count = 0; i < n && op[i].kind == RT_READ; i++, ++*count) {
			op[i].value = (uint32_t)(to - program);
			*to++ = (uint32_t)op[i].at;
		}
	} while (*count);
}

void rt_ops(struct rt_op *op, size_t n, bool idle)
{
	if (n > RT_OPS_MAX)
		rt_panic("%lu operations at once", n);
	compile(op, n);
	rt_batch(0, program, idle ? RT_IDLE : RT_RETURN);
	for (size_t i = 0; i < n; i++)
		if (op[i].kind == RT_READ)
			op[i].value = ((volatile uint32_t *)program)[op[i].value];
}

void rt_wrmsr(uint32_t msr, uint32_t value)
{
	rt_msr[0] = msr;
	rt_msr[1] = value;
	compile(NULL, 0);
	rt_batch(0, program, RT_WRMSR);
}

_Noreturn void rt_triple_fault(void)
{
	compile(NULL, 0);
	for (;;)
		rt_batch(0, program, RT_TRIPLE_FAULT);
}
