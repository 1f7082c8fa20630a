/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring 0's part of the drivers, as few instructions as can be: each is emulated where ring 0 is, and each entry
 * from ring 3 costs as much as ten of them.
 */
	.text
	.code64

/*
 * virtio_park(RDI: where, SI: seen, RDX: register or anything harmless, ECX: value). Writes the register, then idles
 * unless the 16 bits at `where` differ from `seen`. Interrupts are off from the comparison to HLT: no wake-up is lost.
 */
	.globl virtio_park
virtio_park:
park_insn:
	hlt			/* #GP in ring 3 */
	ret

	.balign 16
	.globl virtio_gp_stub
virtio_gp_stub:
	cmpq $park_insn, 8(%rsp)
	jne ring3_halt_stub
	addq $8, %rsp		/* error code */
	incq (%rsp)		/* behind the HLT */
	movl %ecx, (%rdx)
	cmpw %si, (%rdi)
	jne 1f
	sti
park_halt:
	hlt
	cli
1:	iretq

/* One handler a device: acknowledge, count, end of interrupt. From the HLT above it returns behind it, as in
 * trap_stubs.S. */
	.altmacro
	.macro handler n
	.balign 64
	cmpq $park_halt, (%rsp)
	jne 1f
	incq (%rsp)
1:	pushq %rax
	movq virtio_ack + 8 * \n, %rax
	movl $3, (%rax)
	incq virtio_irqs + 8 * \n
	movl $0xfee000b0, %eax
	movl $0, (%rax)
	popq %rax
	iretq
	.endm

	.balign 64
	.globl virtio_handlers
virtio_handlers:
	handler 0
	handler 1

	.bss
	.balign 8
	.globl virtio_ack, virtio_irqs
virtio_ack:
	.fill 16, 1, 0
virtio_irqs:
	.fill 16, 1, 0
	.section .note.GNU-stack, "", @progbits
