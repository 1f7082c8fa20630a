/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one instruction in ring 0 that a host which emulates ring 0 may refuse: insn=NAME. */
#include "trap.h"

static volatile uint32_t breakpoints;

__attribute__((interrupt)) static void on_breakpoint(struct frame *f)
{
	(void)f;
	breakpoints++;
}

static void do_popcnt(void)
{
	uint64_t v = 0xf0f;

	__asm__ volatile("popcntq %0, %0" : "+r"(v));
	check_eq("popcnt", v, 8);
}

static void do_int3(void)
{
	trap_init();
	trap_set(3, on_breakpoint);
	__asm__ volatile("int3");
	check_eq("breakpoints", breakpoints, 1);
}

static void do_cmpxchg16b(void)
{
	static uint64_t pair[2] __attribute__((aligned(16)));
	uint64_t a = 0, d = 0;

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(pair), "+a"(a), "+d"(d)
			 : "b"(1ull), "c"(2ull)
			 : "cc");
	check_eq("cmpxchg16b low", pair[0], 1);
	check_eq("cmpxchg16b high", pair[1], 2);
}

static void do_sse(void)
{
	uint64_t v = 5;

	write_cr0((read_cr0() & ~0xcull) | 2);
	write_cr4(read_cr4() | 3 << 9);
	__asm__ volatile("movq %0, %%xmm0; paddq %%xmm0, %%xmm0; movq %%xmm0, %0" : "+r"(v));
	check_eq("paddq", v, 10);
}

void guest_main(void)
{
	print("before\n");
	if (arg_is("insn", "popcnt"))
		do_popcnt();
	else if (arg_is("insn", "int3"))
		do_int3();
	else if (arg_is("insn", "cmpxchg16b"))
		do_cmpxchg16b();
	else if (arg_is("insn", "sse"))
		do_sse();
	else
		die("insn=?");
	print("after\n");
}
