/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest: one line, one exit. It takes the Linux 64-bit entry and, by its note, PVH, so that
 * ukvmm, QEMU's microvm and others run the same file; both entries need no stack and no tables.
 * Ends by the debug-exit port, else the keyboard controller, else a triple fault.
 */
	.section .text.start, "ax"
	.code64
	.globl _start
_start:
	leaq text(%rip), %rsi
	movl $(text_end - text), %ecx
	movl $0x3f8, %edx
	rep outsb
	xorl %eax, %eax
	movl $0x501, %edx
	outb %al, %dx
	movb $0xfe, %al
	outb %al, $0x64
	lidt none(%rip)
	ud2

	.code32
	.globl start32
start32:
	movl $text, %esi
	movl $(text_end - text), %ecx
	movl $0x3f8, %edx
	cld
	rep outsb
	xorl %eax, %eax
	movl $0x501, %edx
	outb %al, %dx
	movb $0xfe, %al
	outb %al, $0x64
	lidt none
	ud2

	.section .rodata, "a"
text:	.ascii "hello from a guest\n"
text_end:
none:	.word 0
	.quad 0
	.section .note.GNU-stack, "", @progbits
