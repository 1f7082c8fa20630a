/* SPDX-License-Identifier: Apache-2.0 */
/* The first vCPU's state as a boot protocol demands it: written by lib/boot, read by lib/kvm. */
#ifndef MEM_X86_ENTRY_H
#define MEM_X86_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

enum x86_mode {
	X86_LONG,   /* 64-bit, paging by cr3 (CR0 PE|PG, CR4 PAE, EFER LME|LMA) */
	X86_PROT32, /* 32-bit flat protected mode, no paging (CR0 PE|ET) */
};

/* Data segments are flat; cs/ds/tr are selectors into the GDT at gdt_base, which the loader has written. */
struct x86_entry {
	enum x86_mode mode;
	uint64_t rip, rsp, rbp, rsi, rdi, rax, rbx, rcx, rdx;
	uint64_t cr3;
	uint64_t gdt_base, idt_base;
	uint16_t gdt_limit, idt_limit;
	uint16_t cs, ds, tr;
	bool hardened; /* X86_LONG: CR0 WP|NE, CR4 OSFXSR|OSXMMEXCPT, EFER NXE, as Solo5's hvt has it */
};

#endif
