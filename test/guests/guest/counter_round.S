/* SPDX-License-Identifier: Apache-2.0 */
#define X 112			/* offset of x[] */
#define F 368			/* offset of f[] */

	.text
	.code64
	.globl counter_round
counter_round:			/* RDI: state, RSI: steps; the state's pointer waits on the stack */
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	movq %rsi, %rcx
	fninit
	fldl F + 8(%rdi)
	fldl F(%rdi)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqa X + 16 * \n(%rdi), %xmm\n
	.endr
	movq (%rdi), %rax
	movq 8(%rdi), %rbx
	movq 16(%rdi), %rdx
	movq 24(%rdi), %rsi
	movq 40(%rdi), %rbp
	movq 48(%rdi), %r8
	movq 56(%rdi), %r9
	movq 64(%rdi), %r10
	movq 72(%rdi), %r11
	movq 80(%rdi), %r12
	movq 88(%rdi), %r13
	movq 96(%rdi), %r14
	movq 104(%rdi), %r15
	movq 32(%rdi), %rdi
1:	addq %rbx, %rax
	rolq $7, %rax
	xorq %rax, %rdx
	addq %rdx, %rsi
	rolq $13, %rsi
	xorq %rsi, %rdi
	addq %rdi, %rbp
	rolq $17, %rbp
	xorq %rbp, %r8
	addq %r8, %r9
	rolq $23, %r9
	xorq %r9, %r10
	addq %r10, %r11
	rolq $29, %r11
	xorq %r11, %r12
	addq %r12, %r13
	rolq $31, %r13
	xorq %r13, %r14
	addq %r14, %r15
	rolq $37, %r15
	xorq %r15, %rbx
	paddq %xmm15, %xmm0
	pxor %xmm0, %xmm1
	paddq %xmm1, %xmm2
	pxor %xmm2, %xmm3
	paddq %xmm3, %xmm4
	pxor %xmm4, %xmm5
	paddq %xmm5, %xmm6
	pxor %xmm6, %xmm7
	paddq %xmm7, %xmm8
	pxor %xmm8, %xmm9
	paddq %xmm9, %xmm10
	pxor %xmm10, %xmm11
	paddq %xmm11, %xmm12
	pxor %xmm12, %xmm13
	paddq %xmm13, %xmm14
	pxor %xmm14, %xmm15
	/* st0 = st0^2 - pi/2: chaotic, stays within [-pi/2, pi/2 squared], and every bit matters */
	fmul %st(0), %st(0)
	fsub %st(1), %st(0)
	decq %rcx
	jnz 1b
	xchgq %rdi, (%rsp)
	movq %rax, (%rdi)
	movq %rbx, 8(%rdi)
	movq %rdx, 16(%rdi)
	movq %rsi, 24(%rdi)
	popq 32(%rdi)
	movq %rbp, 40(%rdi)
	movq %r8, 48(%rdi)
	movq %r9, 56(%rdi)
	movq %r10, 64(%rdi)
	movq %r11, 72(%rdi)
	movq %r12, 80(%rdi)
	movq %r13, 88(%rdi)
	movq %r14, 96(%rdi)
	movq %r15, 104(%rdi)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqa %xmm\n, X + 16 * \n(%rdi)
	.endr
	fstpl F(%rdi)
	fstpl F + 8(%rdi)
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
	.section .note.GNU-stack, "", @progbits
