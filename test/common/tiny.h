/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of a few instructions, made in the program that runs them. */
#ifndef TINY_H
#define TINY_H

#include <stddef.h>
#include <stdint.h>

enum { TINY_LOAD = 0x100000 };

struct tiny_code {
	const uint8_t *start, *end;
};

/* TINY_CODE(name, "assembly"): 64-bit code for TINY_LOAD, in Intel syntax; then use tiny_code_NAME. RSP is valid, interrupts are
 * off; the first GiB is mapped as it is, and 2 MiB each from 0xd0000000 (devices), 0xe0000000 (traps), 0xfec00000 and 0xfee00000
 * (interrupt controllers), by a page directory at 0x1ff000. */
#define TINY_CODE(name, text)                                                                                \
	extern const uint8_t tiny_##name[], tiny_##name##_end[];                                             \
	__asm__(".pushsection .rodata\n.intel_syntax noprefix\ntiny_" #name ":\n" text "\ntiny_" #name      \
		"_end:\n.att_syntax\n.popsection\n");                                                        \
	static const struct tiny_code tiny_code_##name = { tiny_##name, tiny_##name##_end }

/* A file without a name that holds an ELF64 image with this code at TINY_LOAD; -1 and errno on failure. */
int tiny_image(const struct tiny_code *code);

#endif
