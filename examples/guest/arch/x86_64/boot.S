/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot protocol to ring 3. Ring 0 is emulated on some hosts, so everything that can be is a constant of
 * tables.S, and what is left is here: about 70 instructions. */
	.section .ring0.text, "ax"

/* PVH (EBX: start_info): 32-bit protected mode, no paging. */
	.code32
	.globl start_pvh
start_pvh:
	movl %cr4, %eax
	orl $0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx		/* EFER */
	rdmsr
	orl $0x900, %eax		/* LME, NXE */
	wrmsr
	movl %cr0, %eax
	andl $0x9ffffff3, %eax		/* no CD, NW, EM, TS */
	orl $0x80000003, %eax		/* PG, MP, PE */
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
	rdmsr
	orl $0x800, %eax		/* NXE, before tables that use it */
	wrmsr
	movq %cr4, %rax
	orl $0x600, %eax
	movq %rax, %cr4
	movq %cr0, %rax
	andl $0x9ffffff3, %eax
	orl $2, %eax
	movq %rax, %cr0
	movl $pml4, %eax
	movq %rax, %cr3
	lgdt gdt_register
	movl $ring0_stack_top, %esp
	xorl %edi, %edi
	pushq $0x08
	pushq $long_mode
	lretq

/* EDI: 0 Linux, 1 PVH; RSI: what it handed over. */
long_mode:
	movl $0x10, %eax
	movl %eax, %ss
	movl $ring0_stack_top, %esp
	movl $0x2b, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	lidt idt_register
	movl $0x18, %eax
	ltr %ax				/* marks the descriptor busy: WP only after it */
	movq %cr0, %rax
	orl $0x10000, %eax
	movq %rax, %cr0
	movl $0xc0000100, %ecx		/* FS base: the canary of objects with a stack protector is at FS:40 */
	movl $rt_canary_block, %eax
	xorl %edx, %edx
	wrmsr
	movl $0x40000000, %eax
	cpuid
	xorl %edx, %edx
	cmpl $0x4b4d564b, %ebx		/* "KVMK": its clock may be asked for */
	sete %dl
	movl $0xfee000f0, %eax
	movl $0x1ff, (%rax)		/* local APIC on, spurious vector 0xff */
	movl $0xfee00030, %eax
	movl (%rax), %ecx		/* local APIC's version: all ones where there is none */
	movl $0xfee00350, %eax
	movl $0x10000, (%rax)		/* LINT0 masked: an 8259 that nobody set up sends line 5 as vector 5 */
	movl $0xfee00320, %eax
	movl $0x40, (%rax)		/* one-shot timer, vector 0x40 */
	movl $0xfee003e0, %eax
	movl $0xb, (%rax)		/* divided by 1 */
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
