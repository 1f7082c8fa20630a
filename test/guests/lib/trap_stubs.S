/* SPDX-License-Identifier: Apache-2.0 */
/* One 16-byte stub an exception: makes the frame uniform (vector, error code), then reports. */
	.text
	.code64
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 32
	.balign 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector >= 29 && vector <= 30
	.else
	pushq $0
	.endif
	pushq $vector
	jmp report
	.set vector, vector + 1
	.endr

report:
	popq %rdi
	popq %rsi
	movq %rsp, %rdx
	andq $-16, %rsp
	cld
	call trap_report
	ud2
	.section .note.GNU-stack, "", @progbits
