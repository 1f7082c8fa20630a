/* SPDX-License-Identifier: Apache-2.0 */
/* An ELF file with the notes of a Solo5 hvt unikernel: ABI1 (target hvt, version 2) and an empty manifest. */
	.section .text.start, "ax"
	.code64
	.globl _start
_start:	hlt
	jmp _start

	.section .note.solo5.abi, "a", @note
	.balign 4
	.long 6, 16, 0x31494241	/* "Solo5", ABI1 */
	.asciz "Solo5"
	.balign 4
	.long 1, 2, 0, 0	/* target hvt, version 2 */

	.section .note.solo5.manifest, "a", @note
	.balign 4
	.long 6, 8, 0x3154464d	/* MFT1 */
	.asciz "Solo5"
	.balign 4
	.long 1, 0		/* version 1, no entries */
	.section .note.GNU-stack, "", @progbits
