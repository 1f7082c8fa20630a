/* SPDX-License-Identifier: Apache-2.0 */
/* Operations become copies for stubs.S, here where instructions cost nothing: there each may be emulated. */
#include "x86.h"

_Static_assert(RT_OPS_MAX == 64, "stubs.S has as many");

void rt_ops(struct rt_op *op, size_t n, bool idle)
{
	struct rt_move move[RT_OPS_MAX];

	if (n > RT_OPS_MAX)
		rt_panic("%lu operations at once", n);
	for (size_t i = 0; i < n; i++) {
		uint32_t value = (uint32_t)(uintptr_t)&op[i].value, at = (uint32_t)op[i].at;

		move[i] = op[i].kind == RT_READ ? (struct rt_move){at, value} : (struct rt_move){value, at};
	}
	rt_batch(move, n, idle ? RT_IDLE : RT_RETURN);
}

void rt_wrmsr(uint32_t msr, uint32_t value)
{
	rt_msr[0] = msr;
	rt_msr[1] = value;
	rt_batch(NULL, 0, RT_WRMSR);
}

_Noreturn void rt_triple_fault(void)
{
	for (;;)
		rt_batch(NULL, 0, RT_TRIPLE_FAULT);
}
