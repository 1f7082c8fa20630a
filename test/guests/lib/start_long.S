/* SPDX-License-Identifier: Apache-2.0 */
/* Every entry's way on once in long mode: a GDT and a stack of the guest's own, then C. */
#include "entry.h"

	.text
	.code64
	.globl start_long
start_long:
	cld
	leaq stack_top(%rip), %rsp
	xorl %ebp, %ebp
	lgdt gdt_register(%rip)
	leaq 1f(%rip), %rax
	pushq $0x08
	pushq %rax
	lretq
1:	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	call runtime_start
	ud2

	.data
	.balign 16
	.globl gdt
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08 code, ring 0, 64-bit */
	.quad 0x00cf93000000ffff	/* 0x10 data, ring 0 */
	.quad 0, 0			/* 0x18 TSS, filled in by ring3.c */
	.quad 0x00cff3000000ffff	/* 0x28 data, ring 3 */
	.quad 0x00affb000000ffff	/* 0x30 code, ring 3, 64-bit */
	.quad 0x00cf9b000000ffff	/* 0x38 code, ring 0, 32-bit */
gdt_end:
	.globl gdt_register
gdt_register:
	.word gdt_end - gdt - 1
	.quad gdt

	.globl entry
	.balign 8
entry:
	.fill ENTRY_BYTES, 1, 0

	.bss
	.balign 16
	.fill 16384, 1, 0
	.globl stack_top
stack_top:
	.section .note.GNU-stack, "", @progbits
