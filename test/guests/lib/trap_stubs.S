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

	.globl wait_for_interrupt
wait_for_interrupt:
	sti
wait_insn:
	hlt
	cli
	ret

/*
 * One a vector, 32 bytes each, before the handlers of trap_set. An interrupt that comes between STI and HLT all the same,
 * as on an emulated CPU that forgets STI's shadow (scripts/rig), returns behind that HLT, which would wait for what has
 * been.
 */
	.globl trap_handlers
	.balign 32
trap_handlers:
	.set vector, 0
	.rept 256
	.balign 32
	cmpq $wait_insn, (%rsp)
	jne 1f
	incq (%rsp)
1:	jmp *trap_handler + 8 * vector
	.set vector, vector + 1
	.endr

	.bss
	.balign 8
	.globl trap_handler
trap_handler:
	.fill 256 * 8, 1, 0
	.section .note.GNU-stack, "", @progbits
