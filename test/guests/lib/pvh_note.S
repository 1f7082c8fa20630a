/* SPDX-License-Identifier: Apache-2.0 */
/* The ELF note by which PVH loaders find the 32-bit entry: owner "Xen", type 18 (XEN_ELFNOTE_PHYS32_ENTRY). */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4			/* bytes of the owner */
	.long 8			/* bytes of the description */
	.long 18
	.asciz "Xen"
	.quad start32
	.section .note.GNU-stack, "", @progbits
