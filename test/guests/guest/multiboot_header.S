/* SPDX-License-Identifier: Apache-2.0 */
/* The header that multiboot loaders search in the first 8 KiB; AOUT adds the address fields (flag 16). */
#ifdef AOUT
#define FLAGS 0x10003
#else
#define FLAGS 3
#endif
	.section .multiboot, "a"
	.balign 4
multiboot_header:
	.long 0x1badb002
	.long FLAGS
	.long -(0x1badb002 + FLAGS)
#ifdef AOUT
	.long multiboot_header
	.long image_start
	.long image_load_end
	.long image_end
	.long start32
#endif
	.section .note.GNU-stack, "", @progbits
