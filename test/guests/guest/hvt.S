/* SPDX-License-Identifier: Apache-2.0 */
/* Entry and notes of a Solo5 hvt guest: ABI1 (target hvt, version 2) and a manifest, which has two devices with IO. */
#ifndef ABI
#define ABI 2
#endif
	.section .text.start, "ax"
	.code64
	.globl _start
_start:	call guest_main		/* the stack is as after a call, rdi is the boot information */
	hlt

	.section .note.solo5.abi, "a", @note
	.balign 4
	.long 6, 16, 0x31494241	/* "Solo5", ABI1 */
	.asciz "Solo5"
	.balign 4
	.long 1, ABI, 0, 0	/* target hvt, its version */

	.macro entry name, type
1:	.ascii "\name"
	.org 1b + 68, 0
	.long \type
	.org 1b + 104, 0
	.endm

	.section .note.solo5.manifest, "a", @note
	.balign 8
	.long 6, 9f - 8f, 0x3154464d	/* MFT1 */
	.asciz "Solo5"
	.balign 4
8:	.long 0			/* up to 8-byte alignment */
#ifdef IO
	.long 1, 3		/* version 1, entries */
	entry "", 0x40000000
	entry "storage", 1
	entry "service", 2
#else
	.long 1, 1
	entry "", 0x40000000
#endif
9:
	.section .note.GNU-stack, "", @progbits
