/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks beside the first one: what a call keeps is on them, and where the stack goes on is all there is to keep of one. */
	.section .text.rt_switch, "ax"
	/* void (void **from, void *to) */
	.globl rt_switch
rt_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

	.section .text.rt_stack, "ax"
	/* void *(void *top, void (*entry)(void)): the entry finds the stack as a call leaves it, with nowhere to return to */
	.globl rt_stack
rt_stack:
	andq $-16, %rdi
	leaq -64(%rdi), %rax
	movq $0, 56(%rax)
	movq %rsi, 48(%rax)
	ret
	.section .note.GNU-stack, "", @progbits
