/* SPDX-License-Identifier: Apache-2.0 */
/* A CPU's way from its SIPI (real mode, CS:0 is the page this was copied to) to C in long mode. */
	.section .data
	.code16
	.globl ap_code, ap_code_end, ap_cr3
	.balign 16
ap_code:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl ap_gdt - ap_code
	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl ap_cr3 - ap_code, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax		/* LME */
	wrmsr
	movl %cr0, %eax
	andl $0x9fffffff, %eax		/* caches on: INIT leaves CD and NW set */
	orl $0x80000001, %eax
	movl %eax, %cr0
	ljmpl $0x08, $ap_long
	.balign 4
ap_gdt:	.word 0x3f
	.long gdt
	.balign 4
ap_cr3:	.long 0
ap_code_end:

	.text
	.code64
ap_long:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $1, %eax
	lock xaddl %eax, ap_taken(%rip)
	incl %eax
	shlq $12, %rax			/* AP_STACK */
	leaq ap_stacks(%rip), %rsp
	addq %rax, %rsp
	call ap_main
	ud2
	.section .note.GNU-stack, "", @progbits
