/* SPDX-License-Identifier: Apache-2.0 */
/* The C half of the OSv-like guest: runs at its virtual addresses, 1 GiB above the physical ones.
 */
#include "boot_layout.h"
#include "guest.h"

enum { OFFSET = 0x40000000 };

void guest_main(void)
{
	const uint8_t *zp = zero_page();

	check("runs at p_vaddr", (uint64_t)guest_main >= OFFSET);
	check("loaded at p_paddr", !memcmp((const void *)guest_main,
					   (const void *)((uint64_t)guest_main - OFFSET), 16));
	check_eq("boot_flag", le16(zp + ZP_BOOT_FLAG), 0xaa55);
	check_eq("header magic", le32(zp + ZP_MAGIC), ZP_HDRS);
	check("zero page survives writes to 0x1000-0x2fff", zp[ZP_E820_ENTRIES] >= 2);
	check_eq("command line survives them", strlen(boot_cmdline()) + 1,
		le32(zp + ZP_CMDLINE_SIZE));
	check("command line", arg_is("app", "test"));
	check_eq("0x1000 holds what was written", le64((const void *)0x1000), 0xcccccccccccccccc);
	check_eq("0x2ff8 holds what was written", le64((const void *)0x2ff8), 0xcccccccccccccccc);
	outb(0x3f0, 123); /* "booted": nobody listens, nothing may happen */
	finish_reset();
}
