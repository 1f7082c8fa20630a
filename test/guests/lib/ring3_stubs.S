/* SPDX-License-Identifier: Apache-2.0 */
	.text
	.code64
	.globl ring3_go
ring3_go:			/* RDI: function, RSI: stack */
	pushq $0x2b		/* SS: data, ring 3 */
	pushq %rsi
	pushq $0x3202		/* RFLAGS: IOPL 3, interrupts on */
	pushq $0x33		/* CS: code, ring 3 */
	pushq %rdi
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl $0x2b, %eax
	movl %eax, %ds
	movl %eax, %es
	iretq

	.globl ring3_wait, ring3_halt_insn
ring3_wait:
ring3_halt_insn:
	hlt			/* #GP: goes on in the stub below, which comes back behind it */
	ret

/*
 * #GP. From the HLT above: idle here until one interrupt has been taken, then skip it. With interrupts on in
 * ring 3 the one waited for may have come already, so callers wait in a loop and have a periodic timer.
 * Anything else is reported as the exception it is.
 */
	.balign 16
	.globl ring3_halt_stub
ring3_halt_stub:
	pushq %rax
	leaq ring3_halt_insn(%rip), %rax
	cmpq %rax, 16(%rsp)
	jne 1f
	incq 16(%rsp)
	popq %rax
	addq $8, %rsp		/* error code */
	sti
	hlt
	cli
	iretq
1:	popq %rax
	jmp trap_stubs + 13 * 16
	.section .note.GNU-stack, "", @progbits
