/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PVH entry (Xen's x86 HVM direct boot ABI): an image whose e_entry lies outside its physical
 * ranges and which therefore can only be started by its note. mem=BYTES initrd=BYTES as for
 * linux-entry; rsdp=0: the loader has no tables to point to.
 */
#include "boot_layout.h"
#include "guest.h"

enum { TWO_MIB = 0x200000 };

static void check_registers(void)
{
	check_eq("CR0: PE, no paging", entry.cr0 & 0x80000001, 1);
	check_eq("CR4", entry.cr4, 0);
	check_eq("EFLAGS: VM, IF and TF clear", entry.rflags & 0x20300, 0);
	check_eq("flat data: DS, ES and SS alike", entry.ds == entry.es && entry.ds == entry.ss, 1);
	check("CS and DS selectors", entry.cs && entry.ds);
}

static void check_memmap(const uint8_t *si, uint64_t bytes)
{
	uint64_t p = le64(si + PVH_MEMMAP), ram_bytes = 0;
	struct ram ram[32];
	uint32_t n = boot_ram(ram, 32);
	bool holds = false;

	check("memmap in the low 2 MiB", p && p + 24ull * n <= TWO_MIB);
	check("memmap has entries", n);
	for (uint32_t i = 0; i < n; i++) {
		if (ram[i].type != E820_RAM)
			continue;
		ram_bytes += ram[i].len;
		holds |= ram[i].base <= TWO_MIB && ram[i].base + ram[i].len > TWO_MIB;
	}
	check("a RAM entry holds the kernel", holds);
	if (bytes)
		check("RAM of the memmap", ram_bytes <= bytes && ram_bytes + 0x100000 >= bytes);
}

static void check_modules(const uint8_t *si, uint64_t bytes)
{
	const uint8_t *m = (const uint8_t *)le64(si + PVH_MODLIST), *b;

	check_eq("modules", le32(si + PVH_MODULES), bytes ? 1 : 0);
	if (!bytes)
		return;
	b = (const uint8_t *)le64(m);
	check_eq("module alignment", (uint64_t)b % 4096, 0);
	check_eq("module size", le64(m + 8), bytes);
	for (uint64_t i = 0; i < bytes; i++)
		if (b[i] != (uint8_t)(i * 7 + 3)) {
			check_eq("module byte", b[i], (uint8_t)(i * 7 + 3));
			break;
		}
}

void guest_main(void)
{
	const uint8_t *si = (const uint8_t *)entry.rbx;

	if (boot_protocol() != PROTOCOL_PVH)
		die("not started by PVH");
	check_registers();
	check_eq("start_info magic", le32(si), PVH_MAGIC);
	check("start_info version", le32(si + PVH_VERSION) >= 1);
	check_eq("start_info flags", le32(si + PVH_FLAGS), 0);
	check("start_info in the low 2 MiB", entry.rbx < TWO_MIB);
	check_memmap(si, arg_number("mem", 0));
	check_modules(si, arg_number("initrd", 0));
	if (arg_number("rsdp", 1))
		check("rsdp_paddr",
			le64(si + PVH_RSDP) &&
				le64((const void *)le64(si + PVH_RSDP)) == RSDP_SIGNATURE);
	check("0xfd000-0xfffff is free (Nanos)", all_zero((const void *)0xfd000, 0x3000));
	print_cmdline();
}
