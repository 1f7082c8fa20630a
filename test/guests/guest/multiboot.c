/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiboot1 entry (specification 0.6.96), linked three ways: ELF64, ELF32, and a.out address
 * fields with ELF headers that lead elsewhere. mem=BYTES modules=N: module i is `i + 1` thousand
 * bytes of i * 7 + 3 with the text "module<i>"; info=low asks for what IncludeOS needs.
 */
#include "boot_layout.h"
#include "guest.h"

enum { MIB = 0x100000 };

extern const uint8_t image_end[];

static void check_registers(void)
{
	check_eq("EAX", (uint32_t)entry.rax, MB_MAGIC);
	check_eq("CR0: PE, no paging", entry.cr0 & 0x80000001, 1);
	check_eq("EFLAGS: VM and IF clear", entry.rflags & 0x20200, 0);
	check("DS, ES, FS, GS and SS alike", entry.ds == entry.es && entry.ds == entry.ss &&
						     entry.ds == entry.fs && entry.ds == entry.gs);
}

/* Solo5 and rumprun want an AVAILABLE entry that starts exactly at 1 MiB. */
static void check_memory(const uint8_t *mb, uint64_t bytes)
{
	struct ram ram[32];
	uint32_t n = boot_ram(ram, 32), at_mib = 0;
	uint64_t low = bytes < 3ull << 30 ? bytes : 3ull << 30;

	for (uint32_t i = 0; i < n; i++) {
		if (ram[i].type != E820_RAM || ram[i].base != MIB)
			continue;
		at_mib++;
		if (bytes)
			check_eq("length of the entry at 1 MiB", ram[i].len, low - MIB);
		check_eq("mem_upper", le32(mb + MB_MEM_UPPER), ram[i].len >> 10);
	}
	check_eq("available entries at 1 MiB", at_mib, 1);
	check("mem_lower", le32(mb + MB_MEM_LOWER) >= 512 && le32(mb + MB_MEM_LOWER) <= 640);
}

/* rumprun takes its console from the BIOS data area: a serial port, no video. */
static void check_bios_data(void)
{
	const uint8_t *bda;

	__asm__("" : "=r"(bda) : "0"(0x400ull));
	check_eq("BIOS data: COM1", le16(bda), 0x3f8);
	check_eq("BIOS data: no CRT controller", le16(bda + 0x63), 0);
}

static void check_modules(const uint8_t *mb, uint64_t modules)
{
	const uint8_t *m = (const uint8_t *)(uint64_t)le32(mb + MB_MODS);
	char text[] = "module0";

	check_eq("modules", le32(mb + MB_MODS_COUNT), modules);
	for (uint64_t i = 0; i < modules; i++, m += MB_MODULE_BYTES, text[6]++) {
		const uint8_t *b = (const uint8_t *)(uint64_t)le32(m);

		check_eq("module alignment", le32(m) % 4096, 0);
		/* Hermit's loader has mapped a page more than its own, and takes what is behind modules for free memory */
		check("module close behind the kernel",
			le32(m) >= (uintptr_t)image_end + 4096 && le32(m) < (uintptr_t)image_end + 0x10000);
		check_eq("module bytes", le32(m + 4) - le32(m), (i + 1) * 1000);
		check("module text", !strcmp((const char *)(uint64_t)le32(m + 8), text));
		for (uint64_t j = 0; j < 1000; j += 37)
			check_eq("module byte", b[j], (uint8_t)(j * 7 + 3));
	}
}

void guest_main(void)
{
	const uint8_t *mb = (const uint8_t *)entry.rbx;
	uint32_t want = MB_HAS_MEM | MB_HAS_CMDLINE | MB_HAS_MMAP;
	uint64_t modules = arg_number("modules", 0);

	if (boot_protocol() != PROTOCOL_MULTIBOOT)
		die("not started by multiboot");
	check_registers();
	if (modules)
		want |= MB_HAS_MODS;
	check_eq("flags", le32(mb) & want, want);
	/* Solo5 drops the first word, so there must be one before the user's text. */
	check("the command line has a word before the user's",
		*boot_cmdline() && *boot_cmdline() != ' ' && !starts_with(boot_cmdline(), "word="));
	print_cmdline();
	check_memory(mb, arg_number("mem", 0));
	check_modules(mb, modules);
	check_bios_data();
	if (arg_is("info", "low"))
		check("information in 0x9d400-0x9ffff (IncludeOS)",
			entry.rbx >= 0x9d400 && entry.rbx < 0xa0000);
}
