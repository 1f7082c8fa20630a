/* SPDX-License-Identifier: Apache-2.0 */
/* Operations as stubs.S does them: each is a copy of 32 bits from one address to another, one of them a register. */
#include "x86.h"

enum { MOVES = 64, MOVE_CODE = 13 };

struct move {
	uint32_t from, to;
};

void rt_ring0(uintptr_t where, uint32_t idle, uintptr_t base);
extern uint8_t rt_moves_begin[], rt_moves_end[], rt_op_wrmsr[], rt_op_triple_fault[];

/* Idling writes here first: nowhere, where the host has no doorbell. */
static uint32_t no_door;
uint32_t rt_idle_door;

void rt_idle_door_at(uint64_t at)
{
	rt_idle_door = at && at <= UINT32_MAX ? (uint32_t)at : (uint32_t)(uintptr_t)&no_door;
}

static void go(const struct move *move, size_t n, bool idle)
{
	if (!rt_idle_door)
		rt_idle_door_at(0);
	if (n || idle)
		rt_ring0((uintptr_t)rt_moves_end - n * MOVE_CODE, idle, (uintptr_t)move - (MOVES - n) * sizeof *move);
}

static void special(const struct rt_op *op)
{
	if (op->kind == RT_WRMSR)
		rt_ring0((uintptr_t)rt_op_wrmsr, false, (uintptr_t)op);
	else if (op->kind == RT_TRIPLE_FAULT)
		rt_ring0((uintptr_t)rt_op_triple_fault, false, (uintptr_t)op);
	else
		rt_panic("no operation %u", op->kind);
}

void rt_ops(struct rt_op *op, size_t n, bool idle)
{
	struct move move[MOVES];
	size_t m = 0;

	for (; n; n--, op++) {
		uint32_t value = (uint32_t)(uintptr_t)&op->value, at = (uint32_t)op->at;

		if (m == MOVES || op->kind >= RT_ARCH) {
			go(move, m, false);
			m = 0;
		}
		if (op->kind >= RT_ARCH)
			special(op);
		else
			move[m++] = op->kind == RT_READ ? (struct move){ at, value } : (struct move){ value, at };
	}
	go(move, m, idle);
}
