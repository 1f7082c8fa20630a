/* SPDX-License-Identifier: Apache-2.0 */
/* struct boot_params: Documentation/arch/x86/zero-page.rst and boot.rst. */
#include "tables.h"

#include "layout.h"
#include "le.h"

enum {
	ACPI_RSDP_ADDR = 0x070,
	E820_ENTRIES = 0x1e8,
	SETUP_HEADER = 0x1f1,
	BOOT_FLAG = 0x1fe,
	MAGIC = 0x202,
	VERSION = 0x206,
	TYPE_OF_LOADER = 0x210,
	LOADFLAGS = 0x211,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	KERNEL_ALIGNMENT = 0x230,
	CMDLINE_SIZE = 0x238,
	SETUP_DATA = 0x250,
	E820_TABLE = 0x2d0,
	E820_ENTRY_BYTES = 20,
	E820_RAM = 1,
};

/* For an ELF file, which brings no header: what its guests check (guest-boot facts of Nanos, OSv,
 * Unikraft and Hermit: the magic numbers) and what Linux's early code looks at. */
static void invent_header(uint8_t *p)
{
	put16(p, BOOT_FLAG, 0xaa55);
	memcpy(p + MAGIC, "HdrS", 4);
	put16(p, VERSION, 0x20f);
	put8(p, LOADFLAGS, 1); /* LOADED_HIGH */
	put32(p, KERNEL_ALIGNMENT, 16 << 20);
}

/* RAM only and no reserved entries: Hermit takes every entry for RAM, and Linux knows the hole
 * below 1 MiB. */
static void write_e820(uint8_t *p, const struct mem *mem)
{
	struct boot_ram ram[BOOT_RAM_RANGES];
	uint32_t n = boot_ram_ranges(mem, ram);

	put8(p, E820_ENTRIES, (uint8_t)n);
	for (uint32_t i = 0; i < n; i++) {
		put64(p, E820_TABLE + i * E820_ENTRY_BYTES, ram[i].gpa);
		put64(p, E820_TABLE + i * E820_ENTRY_BYTES + 8, ram[i].len);
		put32(p, E820_TABLE + i * E820_ENTRY_BYTES + 16, E820_RAM);
	}
}

void boot_zero_page_write(
	const struct mem *mem, const struct boot_image *image, const struct boot_zero_page *z)
{
	uint8_t *p = mem_ptr(mem, BOOT_ZERO_PAGE, MEM_PAGE);

	if (image->setup_header_len)
		memcpy(p + SETUP_HEADER, image->setup_header, image->setup_header_len);
	else
		invent_header(p);
	put8(p, TYPE_OF_LOADER, 0xff);
	put32(p, CMD_LINE_PTR, BOOT_CMDLINE);
	/* the actual length with its NUL, not the kernel's limit: Nanos, Unikraft and Hermit read
	 * that much */
	put32(p, CMDLINE_SIZE, z->cmdline_len + 1);
	put32(p, RAMDISK_IMAGE, (uint32_t)z->initrd);
	put32(p, RAMDISK_SIZE, (uint32_t)z->initrd_bytes);
	put64(p, SETUP_DATA, z->setup_data);
	put64(p, ACPI_RSDP_ADDR, z->rsdp);
	write_e820(p, mem);
}
