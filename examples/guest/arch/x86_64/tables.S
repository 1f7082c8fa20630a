/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GDT, IDT, TSS and page tables as link-time constants; ring 3 can reach none of them. The map, one to one:
 *	0		absent			[4 KiB, 1 MiB)	read-only: what the boot protocol handed over
 *	1 MiB		ring 0's code		1 MiB + 64 KiB	ring 0's data
 *	2 MiB		text			4 MiB		constants
 *	6 MiB		absent: the guard	8 MiB up to 3 GiB	stack, data, heap: not executable
 *	3 GiB to 4 GiB	devices
 */
	.set P, 1
	.set W, 2
	.set U, 4
	.set AD, 0x60		/* accessed and dirty: the CPU need not write them */
	.set BIG, 0x80
	.set PCD, 0x10
	.set NX, 1 << 63

	.section .ring0.data, "aw"
	.balign 4096
	.globl pml4
pml4:	.quad pdpt + (P | W | U | AD)
	.fill 511, 8, 0
pdpt:	.set i, 0
	.rept 4
	.quad pd + i * 4096 + (P | W | U | AD)
	.set i, i + 1
	.endr
	.fill 508, 8, 0
pd:	.quad low + (P | W | U | AD)
	.quad 0x200000 + (P | U | AD | BIG)
	.quad 0x400000 + (P | U | AD | BIG + NX)
	.quad 0
	.set at, 0x800000
	.rept 1532
	.quad at + (P | W | U | AD | BIG) + NX
	.set at, at + 0x200000
	.endr
	.rept 512
	.quad at + (P | W | U | AD | BIG | PCD) + NX
	.set at, at + 0x200000
	.endr
low:	.quad 0
	.set at, 0x1000
	.rept 255
	.quad at + (P | U | AD) + NX
	.set at, at + 0x1000
	.endr
	.rept 16
	.quad at + (P | AD)
	.set at, at + 0x1000
	.endr
	.rept 240
	.quad at + (P | W | AD) + NX
	.set at, at + 0x1000
	.endr

	/* The addresses of ring 0's code are below 2 MiB and its sections 64 KiB: a gate's halves follow from the
	 * offset of the stub in its section, which starts at 1 MiB. */
	.macro gate stub_offset
	.quad (\stub_offset) | 0x08 << 16 | 0x8e00 << 32 | 0x10 << 48
	.quad 0
	.endm
	.balign 16
	.set gp_stub_offset, 512
idt:	.set v, 0
	.rept 32
	.if v == 13
	gate gp_stub_offset
	.else
	gate (v*16)
	.endif
	.set v, v + 1
	.endr
	.fill 2 * 32, 8, 0
	.set v, 0
	.rept 8			/* 0x40: timer; 0x41 on: devices */
	gate (1024+v*64)
	.set v, v + 1
	.endr
	.fill 2 * 183, 8, 0
	gate (1024+8*64)	/* 0xff: spurious */
	.globl idt_register, gdt_register
idt_register:
	.word 4095
	.quad idt
	.balign 8
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08 code, ring 0 */
	.quad 0x00cf93000000ffff	/* 0x10 data, ring 0 */
	.globl tss_descriptor
tss_descriptor:				/* 0x18: the TSS is where image.ld says */
	.word tss_end - tss - 1
	.word 0x9000
	.byte 0x11, 0x89, 0, 0
	.quad 0
	.quad 0x00cff3000000ffff	/* 0x28 data, ring 3 */
	.quad 0x00affb000000ffff	/* 0x30 code, ring 3 */
gdt_end:
gdt_register:
	.word gdt_end - gdt - 1
	.quad gdt

	/* IOPL 3 would open the ports by the book, but not every host keeps it: a map does, up to port 0x7ff. */
	.section .ring0.tss, "aw"
tss:	.long 0
	.quad ring0_stack_top
	.fill 88, 1, 0
	.word 0, 104
	.fill 256, 1, 0
	.byte 0xff
tss_end:

	.section .ring0.bss, "aw", @nobits
	.balign 16
	.fill 4096, 1, 0
	.globl ring0_stack_top
ring0_stack_top:
	.section .note.GNU-stack, "", @progbits
