/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry by the Linux 64-bit boot protocol (boot.rst "64-bit boot protocol"): RSI is the zero page. Saves the
 * state it was given, then goes on with a stack and a GDT of its own.
 */
#include "entry.h"

	.section .text.start, "ax"
	.code64
	.globl _start
_start:
	movq %rax, entry + ENTRY_RAX(%rip)
	movq %rbx, entry + ENTRY_RBX(%rip)
	movq %rcx, entry + ENTRY_RCX(%rip)
	movq %rdx, entry + ENTRY_RDX(%rip)
	movq %rsi, entry + ENTRY_RSI(%rip)
	movq %rdi, entry + ENTRY_RDI(%rip)
	movq %rbp, entry + ENTRY_RBP(%rip)
	movq %rsp, entry + ENTRY_RSP(%rip)
	/* Nanos and OSv push at once, so the stack given must be memory. */
	pushfq
	popq %rax
	movq %rax, entry + ENTRY_RFLAGS(%rip)
	pushq $ENTRY_PUSH_VALUE
	popq %rax
	movq %rax, entry + ENTRY_PUSHED(%rip)
	movq %cr0, %rax
	movq %rax, entry + ENTRY_CR0(%rip)
	movq %cr3, %rax
	movq %rax, entry + ENTRY_CR3(%rip)
	movq %cr4, %rax
	movq %rax, entry + ENTRY_CR4(%rip)
	movw %cs, entry + ENTRY_CS(%rip)
	movw %ds, entry + ENTRY_DS(%rip)
	movw %es, entry + ENTRY_ES(%rip)
	movw %fs, entry + ENTRY_FS(%rip)
	movw %gs, entry + ENTRY_GS(%rip)
	movw %ss, entry + ENTRY_SS(%rip)
	str entry + ENTRY_TR(%rip)
	sgdt entry + ENTRY_GDTR(%rip)
	sidt entry + ENTRY_IDTR(%rip)
	jmp start_long
	.section .note.GNU-stack, "", @progbits
