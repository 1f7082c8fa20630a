/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as the boot protocol left it, saved by the first instructions of the guest before
 * they change anything. 32-bit entries fill the low halves. Offsets are shared with assembly.
 */
#ifndef ENTRY_H
#define ENTRY_H

#define ENTRY_RAX    0x00
#define ENTRY_RBX    0x08
#define ENTRY_RCX    0x10
#define ENTRY_RDX    0x18
#define ENTRY_RSI    0x20
#define ENTRY_RDI    0x28
#define ENTRY_RBP    0x30
#define ENTRY_RSP    0x38
#define ENTRY_RFLAGS 0x40
#define ENTRY_CR0    0x48
#define ENTRY_CR3    0x50
#define ENTRY_CR4    0x58
#define ENTRY_PUSHED 0x60
#define ENTRY_CS     0x68
#define ENTRY_DS     0x6a
#define ENTRY_ES     0x6c
#define ENTRY_FS     0x6e
#define ENTRY_GS     0x70
#define ENTRY_SS     0x72
#define ENTRY_TR     0x74
#define ENTRY_GDTR   0x76
#define ENTRY_IDTR   0x80
#define ENTRY_BYTES  0x90

/* What the 64-bit entry pushes on the stack it was given, to see whether it comes back. */
#define ENTRY_PUSH_VALUE 0x5afe57ac

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct entry {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, rflags, cr0, cr3, cr4;
	uint64_t pushed; /* popped back after pushing ENTRY_PUSH_VALUE (64-bit entries) */
	uint16_t cs, ds, es, fs, gs, ss, tr;
	struct table_register gdtr, idtr;
	uint8_t pad[6];
} __attribute__((packed, aligned(8)));

_Static_assert(offsetof(struct entry, rflags) == ENTRY_RFLAGS, "shared with assembly");
_Static_assert(offsetof(struct entry, cs) == ENTRY_CS, "shared with assembly");
_Static_assert(offsetof(struct entry, gdtr) == ENTRY_GDTR, "shared with assembly");
_Static_assert(offsetof(struct entry, idtr) == ENTRY_IDTR, "shared with assembly");
_Static_assert(sizeof(struct entry) == ENTRY_BYTES, "shared with assembly");

extern struct entry entry;
#endif
#endif
