/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot protocol to ring 3. Ring 0 is emulated on some hosts, so everything that can be is a constant of
 * tables.S or done later, and what is left is here: about 35 instructions. Segments stay what the loader made them:
 * in 64-bit mode none but FS is looked at; CS and SS come from our own tables with the first IRETQ and interrupt. */
	.set CR0, 0x80010033		/* PG, WP, NE, ET, MP, PE */
	.set CR4, 0x620			/* OSXMMEXCPT, OSFXSR, PAE */
	.set EFER_BITS, 0xd00		/* NXE, LMA, LME */
	.section .ring0.text, "ax"

/* PVH (EBX: start_info): 32-bit protected mode, no paging. */
	.code32
	.globl start_pvh
start_pvh:
	movl $CR4, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	movl $EFER_BITS & ~0x400, %eax
	xorl %edx, %edx
	wrmsr
	movl $CR0, %eax
	movl %eax, %cr0
	lgdt gdt_register
	movl $1, %edi
	movl %ebx, %esi
	ljmp $0x08, $long_mode

/* Linux 64-bit protocol (RSI: zero page): the loader's page tables and GDT. */
	.code64
	.globl _start
_start:
	movl $0xc0000080, %ecx
	movl $EFER_BITS, %eax
	xorl %edx, %edx
	wrmsr				/* NXE before tables that use it */
	movl $CR4, %eax
	movq %rax, %cr4
	movl $CR0, %eax
	movq %rax, %cr0
	movl $pml4, %eax
	movq %rax, %cr3
	lgdt gdt_register
	xorl %edi, %edi

/* EDI: 0 Linux, 1 PVH; RSI: what it handed over. */
long_mode:
	lidt idt_register
	movl $0x18, %eax
	ltr %ax
	movl $0x2b, %eax		/* IRETQ clears what ring 3 may not have: not this one and its base */
	movl %eax, %fs
	movl $0xc0000100, %ecx		/* FS base: the canary of objects with a stack protector is at FS:40 */
	movl $rt_canary_block, %eax
	xorl %edx, %edx
	wrmsr
	movl $0xfee00000, %eax		/* local APIC */
	movl 0x30(%rax), %edx		/* its version: all ones where there is none */
	movl $0x1ff, 0xf0(%rax)		/* on, spurious vector 0xff */
	movl $0x10000, 0x350(%rax)	/* LINT0 masked: an 8259 that nobody set up sends line 5 as vector 5 */
	movl $0x40, 0x320(%rax)		/* one-shot timer, vector 0x40 */
	movl $0xb, 0x3e0(%rax)		/* divided by 1 */
	movl $ring0_stack_top, %esp
	pushq $0x2b			/* ring 3: SS, RSP, RFLAGS, CS, RIP */
	pushq $stack_top - 8
	pushq $0x3202			/* interrupts on, IOPL 3 */
	pushq $0x33
	pushq $rt_start
	iretq

/* The note by which PVH loaders find their entry: owner "Xen", type 18. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad start_pvh
	.section .note.GNU-stack, "", @progbits
