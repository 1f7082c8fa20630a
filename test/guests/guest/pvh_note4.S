/* SPDX-License-Identifier: Apache-2.0 */
/* As Nanos writes it: a description of 4 bytes. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4
	.long 4
	.long 18
	.asciz "Xen"
	.long start32
	.section .note.GNU-stack, "", @progbits
