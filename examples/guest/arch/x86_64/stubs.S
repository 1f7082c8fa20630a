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
	cmpq $rt_batch_insn, 8(%rsp)
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
 * What ops.c prepared. RAX: where in the moves to begin; RCX: such that they find their addresses there. EDX: what then:
 * 0 nothing; 1 idle, unless rt_irqs differs from what it was at the last time (rt_irqs_seen); 2 write EAX of rt_msr to
 * that MSR; 3 end it all. Interrupts are off from there to HLT: no wake-up is lost.
 * Each instruction here may take more than a microsecond, a third of what a register's exit does: hence no loop.
 */
batch:
	addq $8, %rsp		/* error code */
	incq (%rsp)		/* behind the HLT */
	jmp *%rax
	/* Operation i copies 32 bits; one of both addresses is a register. */
	.set i, 0
	.rept 64
	{disp32} movl 8*i(%rcx), %esi
	{disp32} movl 8*i+4(%rcx), %edi
	movsl
	.set i, i + 1
	.endr
	.globl rt_moves_end
rt_moves_end:
	decl %edx
	js 9f
	jnz special
	movq rt_irqs, %rax
	cmpq %rax, rt_irqs_seen
	jne 8f
	movl rt_idle_door, %eax
	movl $0, (%rax)		/* the host may park us here */
	sti
	hlt
	cli
	movq rt_irqs, %rax
8:	movq %rax, rt_irqs_seen
9:	iretq

special:
	decl %edx
	jnz end
	movl rt_msr, %ecx
	movl rt_msr + 4, %eax
	wrmsr			/* EDX is 0 */
	iretq
end:	lidt no_idt		/* an exception without a handler: the host resets or ends us */
	ud2

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
	jmp end
	.balign 8
no_idt:	.fill 10, 1, 0

/* rt_batch(moves, n, then) of ring 3: 13 bytes of code a move, the last n of 64 */
	.text
	.globl rt_batch
rt_batch:
	imulq $13, %rsi, %rcx
	movl $rt_moves_end, %eax
	subq %rcx, %rax
	leaq -8*64(%rdi,%rsi,8), %rcx
rt_batch_insn:
	hlt
	ret

	.bss
	.balign 16
	.globl rt_fault_regs, rt_ack, rt_irqs
rt_fault_regs:	.fill 192, 1, 0
rt_ack:		.fill 32, 1, 0
rt_irqs:	.fill 8, 1, 0
rt_irqs_seen:	.fill 8, 1, 0
	.globl rt_msr
rt_no_door:	.fill 8, 1, 0
rt_msr:		.fill 8, 1, 0	/* number, value */
	.fill 16384, 1, 0	/* printf wants 9 KiB */
	.balign 16
rt_fault_stack_top:
	.data
	.balign 8
	.globl rt_idle_door
rt_idle_door:	.quad rt_no_door	/* where idling writes first */
	.section .note.GNU-stack, "", @progbits
