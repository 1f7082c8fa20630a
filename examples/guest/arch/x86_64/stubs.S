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

	/* + 512: #GP. HLT of ring 3 at one place is a call; anything else is what it is. */
	.balign 512
	cmpq $rt_ops_insn, 8(%rsp)
	je batch
	pushq $13
	jmp fault

	/* + 1024: interrupts, 64 bytes each: acknowledge, count, end of interrupt */
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
	iretq
	.endm
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	handler \n
	.endr
	.balign 64
	iretq			/* spurious */

/*
 * RDI: struct rt_op[RSI], done in order. DL: idle then, unless rt_irqs differs from what it was at the last time
 * (rt_irqs_seen). Interrupts are off from there to HLT: no wake-up is lost.
 */
batch:
	addq $8, %rsp		/* error code */
	incq (%rsp)		/* behind the HLT */
	movl %edx, %r8d
1:	decq %rsi
	js 4f
	movq (%rdi), %r9
	movl 8(%rdi), %eax
	movl 12(%rdi), %ecx
	addq $16, %rdi
	cmpl $1, %ecx
	je 2f
	ja 3f
	movl %eax, (%r9)	/* 0: write a register */
	jmp 1b
2:	movl (%r9), %eax	/* 1: read one */
	movl %eax, -8(%rdi)
	jmp 1b
3:	cmpl $2, %ecx
	jne 8f
	movl %r9d, %ecx		/* 2: write an MSR */
	xorl %edx, %edx
	wrmsr
	jmp 1b
8:	lidt no_idt		/* 3: an exception without a handler; the host resets or ends us */
	ud2
4:	testb %r8b, %r8b
	jz 6f
	movq rt_irqs, %rax
	cmpq %rax, rt_irqs_seen
	jne 5f
	movl rt_idle_door, %eax
	testl %eax, %eax
	jz 7f
	movl $0, (%rax)		/* the host may park us here */
7:	sti
	hlt
	cli
	movq rt_irqs, %rax
5:	movq %rax, rt_irqs_seen
6:	iretq

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
	lidt no_idt
	ud2
	.balign 8
no_idt:	.fill 10, 1, 0

/* rt_ops(ops, n, idle) of ring 3 */
	.text
	.globl rt_ops
rt_ops:
	movzbl %dl, %edx
rt_ops_insn:
	hlt
	ret

	.bss
	.balign 16
	.globl rt_fault_regs, rt_ack, rt_irqs
rt_fault_regs:	.fill 192, 1, 0
rt_ack:		.fill 32, 1, 0
rt_irqs:	.fill 8, 1, 0
rt_irqs_seen:	.fill 8, 1, 0
	.globl rt_idle_door
rt_idle_door:	.fill 8, 1, 0
	.fill 16384, 1, 0	/* printf wants 9 KiB */
	.balign 16
rt_fault_stack_top:
	.section .note.GNU-stack, "", @progbits
