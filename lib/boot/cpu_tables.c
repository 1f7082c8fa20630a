/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include "layout.h"
#include "le.h"

/* Intel SDM volume 3, 3.4.5: flat, present, accessed. */
#define SEGMENT_CODE64 0x00af9b000000ffffull
#define SEGMENT_CODE32 0x00cf9b000000ffffull
#define SEGMENT_DATA   0x00cf93000000ffffull
#define SEGMENT_TSS    0x00008b0000000067ull /* busy, base 0, limit 0x67 */

enum {
	GDT_BYTES = 5 * 8, /* a TSS takes two entries in long mode */
	PAGE_PRESENT_WRITE = 3,
	PAGE_LARGE = 0x80,
	PDS = 4,
	ENTRIES = 512,
	COM1 = 0x3f8,
};

void boot_gdt_write(const struct mem *mem, enum x86_mode mode, struct x86_entry *entry)
{
	uint8_t *page0 = mem_ptr(mem, 0, MEM_PAGE);

	put16(page0, BOOT_BDA_COM1, COM1);
	put64(page0, BOOT_GDT + BOOT_CS, mode == X86_LONG ? SEGMENT_CODE64 : SEGMENT_CODE32);
	put64(page0, BOOT_GDT + BOOT_DS, SEGMENT_DATA);
	put64(page0, BOOT_GDT + BOOT_TR, SEGMENT_TSS);
	entry->mode = mode;
	entry->gdt_base = BOOT_GDT;
	entry->gdt_limit = GDT_BYTES - 1;
	entry->cs = BOOT_CS;
	entry->ds = BOOT_DS;
	entry->tr = BOOT_TR;
}

/* Never 1 GiB pages: Nanos edits the first page directory. */
static void map_gib(const struct mem *mem, uint64_t gib)
{
	uint64_t gpa = BOOT_PD + gib * MEM_PAGE;
	uint8_t *pd = mem_ptr(mem, gpa, MEM_PAGE);

	put64(mem_ptr(mem, BOOT_PDPT, MEM_PAGE), gib * 8, gpa | PAGE_PRESENT_WRITE);
	for (uint64_t i = 0; i < ENTRIES; i++)
		put64(pd, i * 8, gib << 30 | i << 21 | PAGE_LARGE | PAGE_PRESENT_WRITE);
}

void boot_page_tables_write(const struct mem *mem, const struct boot_image *image)
{
	put64(mem_ptr(mem, BOOT_PML4, MEM_PAGE), 0, BOOT_PDPT | PAGE_PRESENT_WRITE);
	/* No more than boot.rst asks for: Nanos goes on with these tables and puts a program's stack below
	 * 4 GiB, which must not be there yet. */
	for (uint64_t gib = 0; gib < PDS; gib++)
		if (!gib || (image->low < (gib + 1) << 30 && image->high > gib << 30))
			map_gib(mem, gib);
}
