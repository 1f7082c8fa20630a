/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots as Nanos does (guest-boot contract, Nanos): checks the magics, takes RAM from e820 without
 * the entry at 0, lists regions downward from 0x7daa, edits the page tables it was given, sets
 * EFER.NXE, ends by byte to 0x501. Linked at 2 MiB; one RAM entry must hold that.
 */
#include "boot_layout.h"
#include "guest.h"

enum { BASE_ADDRESS = 0x200000, REGIONS_TOP = 0x7daa, PTE_PW = 3, PTE_PWU = 7 };

struct region {
	uint64_t base, len;
	uint32_t type;
} __attribute__((packed));

extern const uint8_t image_end[];

static struct region *region_add(struct region *r, uint64_t base, uint64_t len, uint32_t type)
{
	r--;
	check("region table is zero before use", all_zero(r, sizeof *r));
	*r = (struct region){base, len, type};
	return r;
}

static struct region *take_e820(struct region *r)
{
	struct ram ram[16];
	uint32_t n = boot_ram(ram, 16), holds = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!ram[i].base)
			continue;
		r = region_add(r, ram[i].base, ram[i].len, ram[i].type);
		holds += ram[i].type == E820_RAM && ram[i].base <= BASE_ADDRESS &&
			 ram[i].base + ram[i].len > (uint64_t)image_end;
	}
	check_eq("RAM entries that hold 2 MiB", holds, 1);
	return r;
}

/* Opens the first entries to everyone and clears the directory above the kernel's end. It never replaces these
 * tables, so what they map elsewhere is in the way of a program: its stack is put below 4 GiB. */
static void edit_page_tables(void)
{
	uint64_t *l4 = (uint64_t *)entry.cr3, *l3 = (uint64_t *)(l4[0] & ~0xfffull), *l2;
	uint64_t first = ((uint64_t)image_end + 0x1fffff) >> 21;

	check_eq("PML4[0]", l4[0] & PTE_PW, PTE_PW);
	check_eq("PDPT[0] is a directory", l3[0] & 0x83, PTE_PW);
	check("PDPT entries from 1 GiB on are free", all_zero(l3 + 1, 4096 - 8));
	check("PML4 entries from 512 GiB on are free", all_zero(l4 + 1, 4096 - 8));
	l4[0] |= PTE_PWU;
	l3[0] |= PTE_PWU;
	l2 = (uint64_t *)(l3[0] & ~0xfffull);
	for (uint64_t i = first; i < 512; i++)
		l2[i] = 0;
	write_cr3(entry.cr3);
	/* A page of its own where one was cleared. */
	l2[first] = 0x400000 | 0x87;
	check_eq("mapping of its own works", mmio_r64((first << 21) + 8),
		mmio_r64((first << 21) + 8));
	*(volatile uint64_t *)(first << 21) = 0x6e616e6f73;
	check_eq("memory behind it", *(volatile uint64_t *)(first << 21), 0x6e616e6f73);
}

void guest_main(void)
{
	struct region *r = (struct region *)REGIONS_TOP, *end;
	const uint8_t *zp = zero_page();

	check_eq("boot_flag", le16(zp + ZP_BOOT_FLAG), 0xaa55);
	check_eq("header magic", le32(zp + ZP_MAGIC), ZP_HDRS);
	check_eq("popped from the stack given", entry.pushed, ENTRY_PUSH_VALUE);
	/* It takes this for the length itself. */
	check_eq("cmdline_size is the length", le32(zp + ZP_CMDLINE_SIZE),
		strlen(boot_cmdline()) + 1);
	end = take_e820(r);
	for (int i = 0; i < 8; i++)
		end = region_add(end, (uint64_t)i << 12, 4096, 7);
	edit_page_tables();
	check("region table survives", end[0].type == 7 && end[0].base == 7u << 12 && r[-1].len);
	wrmsr(0xc0000080, rdmsr(0xc0000080) | 1 << 11);
	check("EFER.NXE can be set", rdmsr(0xc0000080) & 1 << 11);
}
