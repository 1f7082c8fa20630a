/* SPDX-License-Identifier: Apache-2.0 */
/* The zero page (boot.rst) and the start_info of PVH (Xen's public headers). */
#include <string.h>

#include "x86.h"

enum { E820_RAM = 1, SETUP_DTB = 2, SETUP_DATA_MAX = 64, ONE_MIB = 1 << 20 };

struct rt_boot rt_boot = {.cmdline = ""};

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static void ram(const uint8_t *e, uint32_t n, uint32_t stride)
{
	for (uint32_t i = 0; i < n; i++, e += stride)
		if (le32(e + 16) == E820_RAM && le64(e) <= ONE_MIB && le64(e) + le64(e + 8) > ONE_MIB)
			rt_boot.ram_end = le64(e) + le64(e + 8);
}

static void linux_info(const uint8_t *zp)
{
	uint64_t at = le64(zp + 0x250);

	if (le32(zp + 0x228))
		rt_boot.cmdline = (const char *)(uintptr_t)le32(zp + 0x228);
	rt_boot.initrd = le32(zp + 0x218);
	rt_boot.initrd_bytes = le32(zp + 0x21c);
	ram(zp + 0x2d0, zp[0x1e8], 20);
	for (uint32_t i = 0; at && i < SETUP_DATA_MAX; i++) {
		const uint8_t *d = (const uint8_t *)(uintptr_t)at;

		if (le32(d + 8) == SETUP_DTB)
			rt_boot.fdt = d + 16;
		at = le64(d);
	}
}

static void pvh_info(const uint8_t *si)
{
	const uint8_t *mod = (const uint8_t *)(uintptr_t)le64(si + 16);

	if (le64(si + 24))
		rt_boot.cmdline = (const char *)(uintptr_t)le64(si + 24);
	if (le32(si + 12)) {
		rt_boot.initrd = le64(mod);
		rt_boot.initrd_bytes = le64(mod + 8);
	}
	if (le32(si + 4))
		ram((const uint8_t *)(uintptr_t)le64(si + 40), le32(si + 48), 24);
}

void rt_boot_read(bool pvh, const uint8_t *info)
{
	if (pvh)
		pvh_info(info);
	else
		linux_info(info);
}
