/* SPDX-License-Identifier: Apache-2.0 */
/* Byte offsets of what boot protocols hand over: boot.rst and bootparam.h (zero page), the PVH
 * start_info of Xen's public headers, the multiboot specification 0.6.96. */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

enum {
	ZP_RSDP = 0x70,
	ZP_E820_ENTRIES = 0x1e8,
	ZP_BOOT_FLAG = 0x1fe,
	ZP_MAGIC = 0x202,
	ZP_TYPE_OF_LOADER = 0x210,
	ZP_RAMDISK_IMAGE = 0x218,
	ZP_RAMDISK_SIZE = 0x21c,
	ZP_CMD_LINE_PTR = 0x228,
	ZP_KERNEL_ALIGNMENT = 0x230,
	ZP_CMDLINE_SIZE = 0x238,
	ZP_SETUP_DATA = 0x250,
	ZP_E820_TABLE = 0x2d0,
	ZP_BYTES = 4096,

	SETUP_DTB = 2,
	SETUP_RNG_SEED = 9,
	SETUP_NEXT = 0,
	SETUP_TYPE = 8,
	SETUP_LEN = 12,
	SETUP_BYTES = 16,

	PVH_VERSION = 4,
	PVH_FLAGS = 8,
	PVH_MODULES = 12,
	PVH_MODLIST = 16,
	PVH_CMDLINE = 24,
	PVH_RSDP = 32,
	PVH_MEMMAP = 40,
	PVH_MEMMAP_ENTRIES = 48,
	PVH_MODULE_BYTES = 32,

	MB_HAS_MEM = 1,
	MB_HAS_CMDLINE = 4,
	MB_HAS_MODS = 8,
	MB_HAS_MMAP = 0x40,
	MB_MEM_LOWER = 4,
	MB_MEM_UPPER = 8,
	MB_CMDLINE = 16,
	MB_MODS_COUNT = 20,
	MB_MODS = 24,
	MB_MMAP_LEN = 44,
	MB_MMAP = 48,
	MB_MODULE_BYTES = 16,

	E820_RAM = 1,
};

#define ZP_HDRS	       0x53726448u /* "HdrS" */
#define PVH_MAGIC      0x336ec578u
#define MB_MAGIC       0x2badb002u
#define RSDP_SIGNATURE 0x2052545020445352ull /* "RSD PTR " */

#endif
