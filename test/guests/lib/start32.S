/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry in 32-bit protected mode without paging: PVH (EBX is the start_info) and multiboot1 (EAX is the
 * magic, EBX the information). Saves the state, maps 4 GiB one to one and goes on in long mode.
 */
#include "entry.h"

	.section .text.start, "ax"
	.code32
	.globl start32
start32:
	movl %eax, entry + ENTRY_RAX
	movl %ebx, entry + ENTRY_RBX
	movl %ecx, entry + ENTRY_RCX
	movl %edx, entry + ENTRY_RDX
	movl %esi, entry + ENTRY_RSI
	movl %edi, entry + ENTRY_RDI
	movl %ebp, entry + ENTRY_RBP
	movl %esp, entry + ENTRY_RSP
	/* Neither protocol gives a stack. */
	movl $stack_top, %esp
	pushfl
	popl entry + ENTRY_RFLAGS
	movl %cr0, %eax
	movl %eax, entry + ENTRY_CR0
	movl %cr4, %eax
	movl %eax, entry + ENTRY_CR4
	movw %cs, entry + ENTRY_CS
	movw %ds, entry + ENTRY_DS
	movw %es, entry + ENTRY_ES
	movw %fs, entry + ENTRY_FS
	movw %gs, entry + ENTRY_GS
	movw %ss, entry + ENTRY_SS

	cld
	movl $pml4, %edi
	leal pdpt + 3, %eax
	movl %eax, (%edi)
	movl $pdpt, %edi
	leal pd + 3, %eax
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $pd, %edi
	movl $0x83, %eax	/* 2 MiB page, writable, present */
	movl $2048, %ecx
2:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 2b

	movl %cr4, %eax
	orl $0x20, %eax		/* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx	/* EFER */
	rdmsr
	orl $0x100, %eax	/* LME */
	wrmsr
	movl %cr0, %eax
	orl $0x80000001, %eax
	movl %eax, %cr0
	lgdt gdt_register
	ljmp $0x08, $start_long

	.bss
	.balign 4096
	.globl pml4, pdpt, pd
pml4:	.fill 4096, 1, 0
pdpt:	.fill 4096, 1, 0
pd:	.fill 16384, 1, 0
	.section .note.GNU-stack, "", @progbits
