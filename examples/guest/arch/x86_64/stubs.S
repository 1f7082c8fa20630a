/* SPDX-License-Identifier: Apache-2.0 */
/* Ring 0 while the guest runs. The order and sizes here are those that the gates of tables.S count on. */
	.section .ring0.stubs, "ax"
	.code64
	/* + 0: exceptions, 16 bytes each */
	.set v, 0
	.rept 32
	.balign 16
	.if v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30
	.else
	pushq $0
	.endif
	pushq $v
	jmp fault
	.set v, v + 1
	.endr

	/* + 512: #GP. HLT of ring 3 at one place is a call of the routine whose address is in RDX. */
	.balign 512
	cmpq $rt_ring0_insn, 8(%rsp)
	jne 1f
	addq $8, %rsp		/* error code */
	incq (%rsp)		/* behind the HLT */
	jmp *%rdx
1:	pushq $13
	jmp fault

	/*
	 * + 1024: interrupts, 64 bytes each: acknowledge, count, end of interrupt. They go back to ring 3 also from the idle of
	 * ring 0, whose frame for that lies where an interrupt of ring 3 has its own: at the top of the stack. So one that
	 * comes between STI and HLT all the same, on an emulated CPU that forgets STI's shadow, ends the idle, too. RAX of the
	 * idle is nobody's.
	 */
	.set RING3_FRAME, 40
	.balign 1024
	.macro handler n
	.balign 64
	pushq %rax
	.if \n
	movl rt_ack + 4 * \n, %eax
	movl $3, (%rax)
	.endif
	incq rt_irqs
	movl $0xfee000b0, %eax
	movl $0, (%rax)
	popq %rax
	movl $ring0_stack_top - RING3_FRAME, %esp
	iretq
	.endm
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	handler \n
	.endr
	.balign 64
	iretq			/* spurious */

/* Keeps the registers where ring 3 sees them and goes on there in rt_fault; a second one ends the guest here. */
fault:
	btsl $0, rt_fault_regs
	jc 9f
	movq %rax, rt_fault_regs + 8
	movq %rbx, rt_fault_regs + 16
	movq %rcx, rt_fault_regs + 24
	movq %rdx, rt_fault_regs + 32
	movq %rsi, rt_fault_regs + 40
	movq %rdi, rt_fault_regs + 48
	movq %rbp, rt_fault_regs + 56
	movq %r8, rt_fault_regs + 64
	movq %r9, rt_fault_regs + 72
	movq %r10, rt_fault_regs + 80
	movq %r11, rt_fault_regs + 88
	movq %r12, rt_fault_regs + 96
	movq %r13, rt_fault_regs + 104
	movq %r14, rt_fault_regs + 112
	movq %r15, rt_fault_regs + 120
	movl $rt_fault_regs + 128, %edi
	movl $7, %ecx
1:	popq (%rdi)		/* vector, error, RIP, CS, RFLAGS, RSP, SS */
	addq $8, %rdi
	decl %ecx
	jnz 1b
	movq %cr2, %rax
	movq %rax, (%rdi)
	movl $ring0_stack_top, %esp
	pushq $0x2b
	pushq $rt_fault_stack_top - 8
	pushq $0x3002		/* interrupts off */
	pushq $0x33
	pushq $rt_fault
	iretq
9:	movl $0x501, %edx
	movb $255, %al
	outb %al, %dx
	jmp ring0_end

	.bss
	.balign 16
	.globl rt_fault_regs, rt_ack, rt_irqs
rt_fault_regs:	.fill 192, 1, 0
rt_ack:		.fill 32, 1, 0
rt_irqs:	.fill 8, 1, 0
	.fill 16384, 1, 0	/* printf wants 9 KiB */
	.balign 16
rt_fault_stack_top:
	.section .note.GNU-stack, "", @progbits
