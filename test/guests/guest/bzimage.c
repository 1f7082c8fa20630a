/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 64-bit entry of a bzImage: the protected-mode part at its preferred address, entered at +
 * 0x200, with the image's setup header in the zero page. initrd=BYTES as for linux-entry.
 */
#include "boot_layout.h"
#include "guest.h"

enum {
	ZP_SETUP_SECTS = 0x1f1,
	ZP_VERSION = 0x206,
	ZP_PREF_ADDRESS = 0x258,
	ZP_INIT_SIZE = 0x260,
	ZP_INITRD_ADDR_MAX = 0x22c,
	ZP_XLOADFLAGS = 0x236
};

extern const uint8_t image_start[];

void guest_main(void)
{
	const uint8_t *zp = zero_page();
	uint64_t initrd = arg_number("initrd", 0), p = le32(zp + ZP_RAMDISK_IMAGE);

	check_eq("CS", entry.cs, 0x08);
	check_eq("popped from the stack given", entry.pushed, ENTRY_PUSH_VALUE);
	check_eq("boot_flag", le16(zp + ZP_BOOT_FLAG), 0xaa55);
	check_eq("header magic", le32(zp + ZP_MAGIC), ZP_HDRS);
	check_eq("type_of_loader", zp[ZP_TYPE_OF_LOADER], 0xff);
	check_eq("setup_sects is the image's", zp[ZP_SETUP_SECTS], 1);
	check_eq("version is the image's", le16(zp + ZP_VERSION), 0x20f);
	check_eq("pref_address is the image's", le64(zp + ZP_PREF_ADDRESS), (uint64_t)image_start);
	check_eq("init_size is the image's", le32(zp + ZP_INIT_SIZE), 0x200000);
	check_eq("xloadflags are the image's", le16(zp + ZP_XLOADFLAGS) & 1, 1);
	check("command line", arg_is("word", "value"));
	check("all of init_size is memory", all_zero(image_start + 0x200000 - 64, 64));
	check_eq("ramdisk_size", le32(zp + ZP_RAMDISK_SIZE), initrd);
	if (initrd) {
		check_eq("ramdisk_image alignment", p % 4096, 0);
		check("initrd within initrd_addr_max",
			p + initrd - 1 <= le32(zp + ZP_INITRD_ADDR_MAX));
		check_eq("initrd byte", ((const uint8_t *)p)[initrd - 1],
			(uint8_t)((initrd - 1) * 7 + 3));
	}
	print("bzImage entry\n");
}
