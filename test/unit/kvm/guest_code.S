/* SPDX-License-Identifier: Apache-2.0 */
/* Code that the tests copy to GUEST_CODE: position-independent, no stack but what guest.h says. */

#define PORT 0xf4
#define LAPIC 0xfee00000

.macro begin name
	.globl	guest_\name
guest_\name:
.endm

.macro end name
	.globl	guest_\name\()_end
guest_\name\()_end:
.endm

/* iretq to ring 3 at \to with flags \flags */
.macro to_user to, flags
	leaq	\to(%rip), %rcx
	pushq	$0x23
	pushq	$0x6000
	pushq	$\flags
	pushq	$0x2b
	pushq	%rcx
	iretq
.endm

/* CR4.OSFXSR and OSXMMEXCPT: without them SSE is #UD, but on kvm_pvm, where ring 3 has the host's CR4 */
.macro allow_sse
	movq	%cr4, %rax
	orq	$0x600, %rax
	movq	%rax, %cr4
.endm

	.section .rodata
	.code64

begin out
	movb	$0x5a, %al
	outb	%al, $PORT
	movl	$0x12345678, %eax
	outl	%eax, $PORT
	hlt
end out

begin echo			/* what it reads from the port it writes back, plus 1 */
	inl	$PORT, %eax
	incl	%eax
	outl	%eax, $PORT
	hlt
end echo

begin mmio
	movl	$0xd0000000, %ebx
	movl	$0xcafef00d, (%rbx)
	movq	8(%rbx), %rax
	movq	%rax, (0x3000)
	outl	%eax, $PORT
	hlt
end mmio

begin string			/* five bytes from its own text */
	leaq	1f(%rip), %rsi
	movl	$5, %ecx
	movl	$PORT, %edx
	cld
	rep outsb
	hlt
1:	.ascii	"hello"
end string

begin user			/* FCW and MXCSR as ring 3 sees them at start */
	allow_sse
	to_user	1f, 0x3002
1:	subq	$16, %rsp
	fnstcw	(%rsp)
	movzwl	(%rsp), %eax
	outl	%eax, $PORT
	stmxcsr	(%rsp)
	movl	(%rsp), %eax
	outl	%eax, $PORT
2:	jmp	2b
end user

begin ident			/* MTRRdefType, MISC_ENABLE, then CPUID 1, 0xb.1, 0x40000000, 0x40000010 */
	movl	$0x2ff, %ecx
	rdmsr
	outl	%eax, $PORT
	movl	$0x1a0, %ecx
	rdmsr
	outl	%eax, $PORT
	movl	$1, %eax
	cpuid
	movl	%ebx, %eax
	outl	%eax, $PORT
	movl	%ecx, %eax
	outl	%eax, $PORT
	movl	$0xb, %eax
	movl	$1, %ecx
	cpuid
	movl	%ebx, %eax
	outl	%eax, $PORT
	movl	$0x40000000, %eax
	cpuid
	outl	%eax, $PORT
	movl	$0x40000010, %eax
	cpuid
	outl	%eax, $PORT
	hlt
end ident

begin lapic			/* LINT0 */
	movl	$LAPIC, %ebx
	movl	0x350(%rbx), %eax
	outl	%eax, $PORT
	hlt
end lapic

begin spin			/* ring 3: native everywhere */
	to_user	1f, 0x2
1:	jmp	1b
end spin

begin dead
	cli
	hlt
	movb	$1, %al
	outb	%al, $PORT
end dead

begin triple
	movq	$0, -16(%rsp)
	movq	$0, -8(%rsp)
	lidt	-16(%rsp)
	ud2
end triple

/*
 * Vector 0x31: out 'I' and EOI. The gate goes to guest_irq_handler, which returns behind the HLT also where an emulated
 * CPU forgets STI's shadow and takes the interrupt before it.
 */
begin irq
	movl	$LAPIC, %ebx
	movl	$0x1ff, 0xf0(%rbx)
	movb	$'R', %al
	outb	%al, $PORT
1:	sti
2:	hlt
	jmp	1b
	.globl	guest_irq_handler
guest_irq_handler:
	leaq	2b(%rip), %rax
	cmpq	%rax, (%rsp)
	jne	3f
	incq	(%rsp)
3:
	movb	$'I', %al
	outb	%al, $PORT
	movl	$LAPIC, %ebx
	movl	$0, 0xb0(%rbx)
	movb	$'D', %al
	outb	%al, $PORT
	iretq
end irq

/* As irq, but waits in ring 3. */
begin user_irq
	movl	$LAPIC, %ebx
	movl	$0x1ff, 0xf0(%rbx)
	movb	$'R', %al
	outb	%al, $PORT
	to_user	1f, 0x202
1:	jmp	1b
	.globl	guest_user_irq_handler
guest_user_irq_handler:
	movb	$'I', %al
	outb	%al, $PORT
	iretq
end user_irq

/* ExtINT: interrupts off until after the write. */
begin extint
	movb	$'R', %al
	outb	%al, $PORT
	sti
1:	jmp	1b
	.globl	guest_extint_handler
guest_extint_handler:
	movb	$'E', %al
	outb	%al, $PORT
	iretq
end extint

/* INIT and SIPI (vector 8) to APIC id 1. */
begin bsp
	movl	$LAPIC, %ebx
	movl	$0x1ff, 0xf0(%rbx)
	movl	$0x01000000, 0x310(%rbx)
	movl	$0x00004500, 0x300(%rbx)
	movl	$0x01000000, 0x310(%rbx)
	movl	$0x00004608, 0x300(%rbx)
	movb	$'B', %al
	outb	%al, $PORT
	hlt
end bsp

	.code16
begin ap			/* at 0x8000 */
	movb	$'A', %al
	outb	%al, $PORT
	cli
	hlt
end ap
	.code64

/* The LAPIC timer: TSC deadline, EDX:EAX from the port; then one-shot with the count from the port. */
begin timer
	movl	$LAPIC, %ebx
	movl	$0x1ff, 0xf0(%rbx)
	movl	$0x40031, 0x320(%rbx)
	movb	$'R', %al
	outb	%al, $PORT
	rdtsc
	shlq	$32, %rdx
	orq	%rax, %rdx
	inl	$PORT, %eax
	addq	%rdx, %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	movl	$0x6e0, %ecx
	wrmsr
	movb	$'D', %al
	outb	%al, $PORT
	movl	$0x31, 0x320(%rbx)
	movl	$0xb, 0x3e0(%rbx)
	inl	$PORT, %eax
	movl	%eax, 0x380(%rbx)
	movb	$'O', %al
	outb	%al, $PORT
	hlt
end timer

begin popcnt
	movl	$0xff, %ebx
	popcnt	%ebx, %eax
	outb	%al, $PORT
	hlt
end popcnt

/* SYSCALL from ring 3; LSTAR is a stub that only ring 0 can run. */
begin syscall
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$1, %eax
	wrmsr
	movl	$0xc0000081, %ecx
	xorl	%eax, %eax
	movl	$0x00180008, %edx
	wrmsr
	incl	%ecx
	leaq	2f(%rip), %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	wrmsr
	to_user	1f, 0x2
1:	syscall
3:	jmp	3b
2:	movq	%cr0, %rax
	movb	$'K', %al
	outb	%al, $PORT
	hlt
end syscall

	.code32
begin prot32
	movw	%cs, %ax
	movw	%ss, %dx
	shll	$16, %edx
	movw	%ax, %dx
	movl	%edx, %eax
	outl	%eax, $PORT
	movl	%cr0, %eax
	outl	%eax, $PORT
	movl	0x00100000, %eax	/* flat: its own code */
	outl	%eax, $PORT
	movl	%ebx, %eax
	outl	%eax, $PORT
	hlt
end prot32
	.code64

/*
 * Work with much state, for the walks: 200 rounds in ring 3 over integer and SSE registers, writing 4 bytes a
 * round; then 'X'.
 */
begin work
	allow_sse
	movl	$200, %ebp
	movl	$1, %r12d
	movl	$0x9e3779b9, %r13d
	to_user	1f, 0x3002
1:	pxor	%xmm3, %xmm3
	movd	%r13d, %xmm5
3:	imull	%r13d, %r12d
	addl	$0x7f4a7c15, %r12d
	movd	%r12d, %xmm4
	paddd	%xmm4, %xmm3
	paddd	%xmm5, %xmm3
	movd	%xmm3, %eax
	xorl	%r12d, %eax
	outl	%eax, $PORT
	decl	%ebp
	jnz	3b
	movb	$'X', %al
	outb	%al, $PORT
2:	jmp	2b
end work

/* The same without ring 3 and SSE, with MSRs and the LAPIC's task priority in the sum. */
begin kernel_work
	movl	$100, %ebp
	movl	$1, %r12d
	movl	$LAPIC, %ebx
	movl	$0x1ff, 0xf0(%rbx)
3:	imull	$0x5bd1e995, %r12d, %r12d
	incl	%r12d
	movl	$0xc0000102, %ecx	/* KERNEL_GS_BASE */
	rdmsr
	addl	%eax, %r12d
	movl	%r12d, %eax
	xorl	%edx, %edx
	wrmsr
	movl	0x80(%rbx), %eax
	addl	$0x10, %eax
	andl	$0x70, %eax
	movl	%eax, 0x80(%rbx)
	addl	%eax, %r12d
	movl	%r12d, %eax
	outl	%eax, $PORT
	decl	%ebp
	jnz	3b
	movb	$'X', %al
	outb	%al, $PORT
	hlt
end kernel_work

/* Sets its TSC far ahead, then tells it whenever it is asked. */
begin tsc
	movl	$0x10, %ecx
	xorl	%eax, %eax
	movl	$0x00100000, %edx
	wrmsr
1:	rdtsc
	outl	%eax, $PORT
	movl	%edx, %eax
	outl	%eax, $PORT
	jmp	1b
end tsc

	.section .note.GNU-stack, "", @progbits
