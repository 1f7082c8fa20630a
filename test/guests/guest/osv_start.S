/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enters as OSv does: 64-bit at its physical address, pushes at once, overwrites 0x1000-0x2fff, drops to 32-bit
 * mode without paging, and builds its own tables that also map memory at 0x40000000, where it is linked.
 */
#include "entry.h"

#define PHYS(x) ((x) - 0x40000000)

	.section .text.start, "ax"
	.code64
	.globl _start
_start:
	pushq %rsi
	popq %rsi
	movq %rsi, PHYS(entry + ENTRY_RSI)
	movq %cr3, %rax
	movq %rax, PHYS(entry + ENTRY_CR3)
	movl $0x1000, %edi
	movl $0x400, %ecx
	movq $0xcccccccccccccccc, %rax
	cld
	rep stosq

	movl $PHYS(stack_top), %esp
	lgdt PHYS(phys_gdt_register)
	pushq $0x38
	pushq $PHYS(compat)
	lretq

	.code32
compat:
	movl %cr0, %eax
	andl $0x7fffffff, %eax	/* paging off: long mode ends */
	movl %eax, %cr0
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $0xc0000080, %ecx
	rdmsr
	andl $0xfffffeff, %eax	/* LME off */
	wrmsr

	/* PDPT[0] and PDPT[1] lead to the same directory of the first GiB. */
	movl $PHYS(pdpt) + 3, PHYS(pml4)
	movl $PHYS(pd) + 3, PHYS(pdpt)
	movl $PHYS(pd) + 3, PHYS(pdpt) + 8
	movl $PHYS(pd), %edi
	movl $0x83, %eax
	movl $512, %ecx
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b

	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl $PHYS(pml4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	ljmp $0x08, $PHYS(long)

	.code64
long:
	movl $start_long, %eax
	jmp *%rax

	.data
phys_gdt_register:
	.word 0x3f
	.quad PHYS(gdt)
	.section .note.GNU-stack, "", @progbits
