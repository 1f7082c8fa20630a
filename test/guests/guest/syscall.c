/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYSCALL from ring 3, as every kernel with user programs uses it. There is no IDT: a host whose
 * SYSCALL stays in ring 3 faults at the handler's first privileged instruction, and that is a
 * triple fault.
 */
#include "ring3.h"

enum {
	MSR_EFER = 0xc0000080,
	MSR_STAR = 0xc0000081,
	MSR_LSTAR = 0xc0000082,
	MSR_FMASK = 0xc0000084
};

extern const uint8_t syscall_entry[];

void on_syscall(uint64_t cs, uint64_t number);

void on_syscall(uint64_t cs, uint64_t n)
{
	check_eq("CS in the handler", cs, 0x08);
	check_eq("RAX in the handler", n, 39);
	finish();
}

static void main3(void)
{
	print("calling\n");
	__asm__ volatile("syscall" : : "a"(39) : "rcx", "r11", "memory");
	die("SYSCALL came back");
}

void guest_main(void)
{
	static const struct table_register none;

	ring3_init();
	__asm__ volatile("lidt %0" : : "m"(none));
	wrmsr(MSR_STAR, 0x08ull << 32 | 0x23ull << 48);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_FMASK, 0x200);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	ring3_enter(main3);
}
