/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state and the zero page of the Linux 64-bit entry, as the union of all guests wants it. The
 * command line tells what to expect: mem=BYTES, initrd=BYTES (of the pattern i * 7 + 3).
 */
#include "boot_layout.h"
#include "guest.h"

enum { RAM_LOW_END = 0x9fc00, MIB = 0x100000, REGIONS_TOP = 0x7daa, REGIONS_BYTES = 20 * 20 };

static bool in_osv_pages(uint64_t p) /* OSv overwrites these at once */
{
	return p >= 0x1000 && p < 0x3000;
}

static void check_free_pages(const char *what, uint64_t p)
{
	check(what, !in_osv_pages(p) && (p < 0x7c00 || p >= 0x8000));
}

static void check_registers(void)
{
	check_eq("CS", entry.cs, 0x08);
	check_eq("DS", entry.ds, 0x10);
	check_eq("ES", entry.es, 0x10);
	check_eq("FS", entry.fs, 0x10);
	check_eq("GS", entry.gs, 0x10);
	check_eq("SS", entry.ss, 0x10);
	check_eq("TR", entry.tr, 0x18);
	check_eq("RFLAGS", entry.rflags, 2);
	check_eq("CR0 PE and PG, neither EM nor TS", entry.cr0 & 0x8000000d, 0x80000001);
	check_eq("CR4 PAE, not LA57", entry.cr4 & 0x1020, 0x20);
	check_eq("EFER LME and LMA", rdmsr(0xc0000080) & 0x500, 0x500);
	check_eq("popped from the stack given", entry.pushed, ENTRY_PUSH_VALUE);
	check("RSP below 4 GiB", entry.rsp && entry.rsp < 1ull << 32);
	check("RSP outside 0x1000-0x2fff",
		!in_osv_pages(entry.rsp - 1) && !in_osv_pages(entry.rsp - 256));
	check_eq("RSP alignment", entry.rsp % 8, 0);
}

static void check_msrs(void)
{
	check("MISC_ENABLE fast strings", rdmsr(0x1a0) & 1);
	check_eq("MTRR default type, enabled and write-back", rdmsr(0x2ff) & 0xcff, 0x806);
	check_eq("PAT", rdmsr(0x277), 0x0007040600070406);
}

static void check_gdt(void)
{
	const uint8_t *gdt = (const uint8_t *)entry.gdtr.base, *tss = gdt + (entry.tr & ~7);

	check("GDT outside 0x1000-0x2fff", !in_osv_pages(entry.gdtr.base));
	check("IDT outside 0x1000-0x2fff", !in_osv_pages(entry.idtr.base));
	check("GDT reaches TR", (entry.tr | 7) <= entry.gdtr.limit);
	check_eq("GDT code: long mode, present, ring 0", le64(gdt + 8) >> 40 & 0x60fa, 0x209a);
	check_eq("GDT data: present, ring 0, writable", le64(gdt + 16) >> 40 & 0xfa, 0x92);
	check_eq("TSS: present, busy or available", tss[5] & 0xfd, 0x89);
	check_eq("TSS limit", le16(tss), 0x67);
}

static void check_page_tables(void)
{
	const uint64_t *l4 = (const uint64_t *)entry.cr3, *l3, *l2;

	check_free_pages("PML4 outside 0x1000-0x2fff and 0x7c00-0x7fff", entry.cr3);
	check_eq("PML4[0] present, writable", l4[0] & 0x83, 3);
	l3 = (const uint64_t *)(l4[0] & ~0xfffull);
	check_free_pages("PDPT outside 0x1000-0x2fff and 0x7c00-0x7fff", (uint64_t)l3);
	/* No 1 GiB page: Nanos edits the directory behind it. */
	check_eq("PDPT[0]: writable directory", l3[0] & 0x83, 3);
	l2 = (const uint64_t *)(l3[0] & ~0xfffull);
	check_free_pages("PD outside 0x1000-0x2fff and 0x7c00-0x7fff", (uint64_t)l2);
	for (uint64_t j = 0; j < 512; j++)
		if ((l2[j] & ~0x60ull) != (j << 21 | 0x83)) {
			check_eq("PD entry: 2 MiB page, writable, one to one", l2[j], j << 21 | 0x83);
			break;
		}
	/* Nanos takes what is behind as free for its programs. */
	check("nothing mapped from 1 GiB on", all_zero(l3 + 1, 4096 - 8));
}

static void check_zero_page(void)
{
	const uint8_t *zp = zero_page();
	const char *cmdline = boot_cmdline();

	check_eq("zero page alignment", entry.rsi % 4096, 0);
	check("zero page outside 0x1000-0x2fff", !in_osv_pages(entry.rsi));
	check_eq("boot_flag", le16(zp + ZP_BOOT_FLAG), 0xaa55);
	check_eq("header magic", le32(zp + ZP_MAGIC), ZP_HDRS);
	check_eq("type_of_loader", zp[ZP_TYPE_OF_LOADER], 0xff);
	check_eq("kernel_alignment", le32(zp + ZP_KERNEL_ALIGNMENT), 0x1000000);
	check("cmd_line_ptr", *cmdline);
	check_eq("cmd_line_ptr alignment", (uint64_t)cmdline % 4096, 0);
	check("cmd_line_ptr outside 0x1000-0x2fff", !in_osv_pages((uint64_t)cmdline));
	check_eq("cmdline_size counts the NUL", le32(zp + ZP_CMDLINE_SIZE), strlen(cmdline) + 1);
	check("the stack given is not in the zero page",
		entry.rsp <= entry.rsi || entry.rsp - 256 >= entry.rsi + ZP_BYTES);
	/* Nanos's table of regions starts here and grows down, 20 bytes a region. */
	check("0x7daa and below is zero",
		all_zero((const void *)(REGIONS_TOP - REGIONS_BYTES), REGIONS_BYTES + 20));
}

static void check_e820(uint64_t bytes)
{
	struct ram ram[16];
	uint32_t n = boot_ram(ram, 16);
	uint64_t gap = 3ull << 30, low = bytes < gap ? bytes : gap;

	check_eq("e820 entries", n, bytes > gap ? 3 : 2);
	for (uint32_t i = 0; i < n; i++)
		check_eq("e820 type (Hermit takes every entry as RAM)", ram[i].type, E820_RAM);
	check_eq("e820[0] base", ram[0].base, 0);
	check_eq("e820[0] length", ram[0].len, RAM_LOW_END);
	check_eq("e820[1] base", ram[1].base, MIB);
	check_eq("e820[1] length", ram[1].len, low - MIB);
	if (n == 3) {
		check_eq("e820[2] base", ram[2].base, 1ull << 32);
		check_eq("e820[2] length", ram[2].len, bytes - gap);
	}
}

static void check_initrd(uint64_t bytes, uint64_t memory)
{
	uint64_t p = le32(zero_page() + ZP_RAMDISK_IMAGE),
		 low = memory < 3ull << 30 ? memory : 3ull << 30;
	const uint8_t *b = (const uint8_t *)p;

	check_eq("ramdisk_size", le32(zero_page() + ZP_RAMDISK_SIZE), bytes);
	if (!bytes)
		return;
	check_eq("ramdisk_image alignment", p % 4096, 0);
	check("initrd at the top of low RAM", p + bytes <= low && low - (p + bytes) < 65536);
	for (uint64_t i = 0; i < bytes; i++)
		if (b[i] != (uint8_t)(i * 7 + 3)) {
			check_eq("initrd byte", b[i], (uint8_t)(i * 7 + 3));
			break;
		}
}

/* Every part of the first MiB is memory: trampolines, EBDA, the legacy video and ROM ranges. */
static void check_first_mib(void)
{
	static const uint32_t places[] = {0, 0x600, 0x1000, 0x2ff8, 0x9fbf8, 0x9ff00, 0xa0000,
		0xb8000, 0xc0000, 0xdfff8, 0xfd000, 0xffff8};

	check("0xfd000-0xfffff is zero (Nanos puts PVH page tables there)",
		all_zero((const void *)0xfd000, 0x3000));
	for (uint32_t i = 0; i < sizeof places / sizeof *places; i++) {
		volatile uint64_t *p;

		__asm__(""
			: "=r"(p)
			: "0"((uint64_t)places[i])); /* GCC takes page 0 for a null pointer */
		uint64_t old = *p;

		*p = ~old;
		check_eq("first MiB holds what is written", *p, ~old);
		*p = old;
	}
}

void guest_main(void)
{
	uint64_t memory = arg_number("mem", 128u << 20);

	check_registers();
	check_msrs();
	check_gdt();
	check_page_tables();
	check_zero_page();
	check_e820(memory);
	check_initrd(arg_number("initrd", 0), memory);
	check_first_mib();
}
