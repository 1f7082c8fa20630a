/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enough of x86's encoding (Intel SDM vol. 2 §2.1, appendix A) to name the family of an instruction that an
 * emulator refused. The bytes are the guest's: every step is bounded by len.
 */
#include <stddef.h>

#include "kvm_x86.h"

struct insn {
	bool lock, repe, opsize, wide;
	uint8_t map; /* 0: one byte; 1: 0f; 2: 0f 38; 3: 0f 3a */
	uint8_t opcode, modrm;
	bool has_modrm;
};

static bool is_prefix(struct insn *i, uint8_t byte, bool long_mode)
{
	switch (byte) {
	case 0xf0:
		i->lock = true;
		return true;
	case 0xf3:
		i->repe = true;
		return true;
	case 0x66:
		i->opsize = true;
		return true;
	case 0xf2: case 0x67: case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
		return true;
	}
	if (!long_mode || (byte & 0xf0) != 0x40)
		return false;
	i->wide = byte & 8; /* REX.W */
	return true;
}

static bool parse(struct insn *i, const uint8_t *b, size_t len, bool long_mode)
{
	size_t n = 0;

	*i = (struct insn){ 0 };
	while (n < len && is_prefix(i, b[n], long_mode))
		n++;
	if (n < len && b[n] == 0x0f) {
		i->map = 1;
		n++;
		if (n < len && (b[n] == 0x38 || b[n] == 0x3a))
			i->map = b[n++] == 0x38 ? 2 : 3;
	}
	if (n == len)
		return false;
	i->opcode = b[n++];
	i->has_modrm = n < len;
	i->modrm = i->has_modrm ? b[n] : 0;
	return true;
}

static const char *name_0f01(uint8_t modrm)
{
	switch (modrm) {
	case 0xc1:
		return "vmcall";
	case 0xca:
		return "clac";
	case 0xcb:
		return "stac";
	case 0xd0:
		return "xgetbv";
	case 0xd1:
		return "xsetbv";
	case 0xd9:
		return "vmmcall";
	}
	return NULL;
}

/* Groups 15 (0f ae) and 9 (0f c7): the operation is in ModRM.reg, and differs for registers. */
static const char *name_group(const struct insn *i)
{
	static const char *const g15[8] = { "fxsave", "fxrstor", "ldmxcsr", "stmxcsr", "xsave", "xrstor",
		"xsaveopt", "clflush" };
	static const char *const g15_reg[8] = { "rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", NULL, "lfence",
		"mfence", "sfence" };
	static const char *const g9[8] = { NULL, "cmpxchg8b", NULL, "xrstors", "xsavec", "xsaves", NULL, NULL };
	static const char *const g9_reg[8] = { NULL, NULL, NULL, NULL, NULL, NULL, "rdrand", "rdseed" };
	uint8_t reg = i->modrm >> 3 & 7;
	bool is_register = i->modrm >> 6 == 3;

	if (i->opcode == 0xae)
		return is_register ? g15_reg[reg] : g15[reg];
	if (!is_register && reg == 1 && i->wide)
		return i->lock ? "lock cmpxchg16b" : "cmpxchg16b";
	return is_register ? g9_reg[reg] : g9[reg];
}

static bool is_sse_0f(uint8_t opcode)
{
	return (opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2f) ||
		(opcode >= 0x50 && opcode <= 0x7f) || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6) ||
		opcode >= 0xd0;
}

static const char *name_0f(const struct insn *i)
{
	switch (i->opcode) {
	case 0x01:
		return i->has_modrm ? name_0f01(i->modrm) : NULL;
	case 0x05:
		return "syscall";
	case 0x0b:
		return "ud2";
	case 0xae:
	case 0xc7:
		return i->has_modrm ? name_group(i) : NULL;
	case 0xb8:
		return i->repe ? "popcnt" : NULL;
	case 0xbc:
		return i->repe ? "tzcnt" : NULL;
	case 0xbd:
		return i->repe ? "lzcnt" : NULL;
	}
	return is_sse_0f(i->opcode) ? "an SSE instruction" : NULL;
}

static const char *name_one_byte(const struct insn *i, bool long_mode)
{
	if (i->opcode == 0xcc)
		return "int3";
	if (i->opcode == 0xcd)
		return "int";
	if (i->opcode >= 0xd8 && i->opcode <= 0xdf)
		return "an x87 instruction";
	/* outside of long mode these may be LDS, LES and BOUND */
	if (long_mode && (i->opcode == 0xc4 || i->opcode == 0xc5 || i->opcode == 0x62))
		return "an AVX instruction";
	return NULL;
}

const char *x86_insn_name(const uint8_t *bytes, size_t len, bool long_mode)
{
	const char *name = NULL;
	struct insn i;

	if (!parse(&i, bytes, len, long_mode))
		return "an instruction";
	if (i.map == 0)
		name = name_one_byte(&i, long_mode);
	if (i.map == 1)
		name = name_0f(&i);
	if (i.map == 2 && (i.opcode == 0xf0 || i.opcode == 0xf1))
		name = "movbe or crc32";
	else if (i.map >= 2)
		name = "an SSE instruction";
	return name ? name : "an instruction";
}
