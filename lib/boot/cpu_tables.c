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

void boot_page_tables_write(const struct mem *mem)
{
	uint8_t *pdpt = mem_ptr(mem, BOOT_PDPT, MEM_PAGE),
		*pd = mem_ptr(mem, BOOT_PD, PDS * MEM_PAGE);

	put64(mem_ptr(mem, BOOT_PML4, MEM_PAGE), 0, BOOT_PDPT | PAGE_PRESENT_WRITE);
	for (size_t i = 0; i < PDS; i++)
		put64(pdpt, i * 8, (BOOT_PD + i * MEM_PAGE) | PAGE_PRESENT_WRITE);
	/* never 1 GiB pages: Nanos edits the first page directory */
	for (size_t i = 0; i < (size_t)PDS * ENTRIES; i++)
		put64(pd, i * 8, ((uint64_t)i << 21) | PAGE_LARGE | PAGE_PRESENT_WRITE);
}
