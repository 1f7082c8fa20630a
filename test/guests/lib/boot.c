/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_layout.h"
#include "guest.h"

static enum protocol protocol;
static const uint8_t *info; /* zero page, start_info or multiboot information */

void runtime_start(void);

/* The loader maps the first GiB only. Tables of our own have that, the devices, and what RAM there is. */
static void map_more(void)
{
	static uint64_t l4[512] __attribute__((aligned(4096))), l3[512] __attribute__((aligned(4096))),
		l2[4][512] __attribute__((aligned(4096)));
	const uint64_t *given = (const uint64_t *)(*(const uint64_t *)entry.cr3 & ~0xfffull);
	struct ram ram[16];
	uint32_t n = boot_ram(ram, 16);
	uint64_t end = n > 1 ? ram[1].base + ram[1].len : 0;

	l4[0] = (uint64_t)l3 | 3;
	for (uint64_t i = 0; i < 4; i++) {
		l3[i] = given[i];
		if (given[i] || (i < 3 && end <= i << 30))
			continue;
		for (uint64_t j = 0; j < 512; j++)
			l2[i][j] = i << 30 | j << 21 | 0x83;
		l3[i] = (uint64_t)l2[i] | 3;
	}
	write_cr3((uint64_t)l4);
}

void runtime_start(void)
{
	protocol = entry.cr3 ? PROTOCOL_LINUX : PROTOCOL_MULTIBOOT;
	info = (const uint8_t *)(entry.cr3 ? entry.rsi : entry.rbx);
	/* PVH loaders say nothing in EAX; QEMU's leaves multiboot's magic there. */
	if (!entry.cr3 && le32(info) == PVH_MAGIC)
		protocol = PROTOCOL_PVH;
	else if (!entry.cr3 && (uint32_t)entry.rax != MB_MAGIC)
		die("EBX points to no PVH start_info, EAX is no multiboot magic");
	if (protocol == PROTOCOL_LINUX && read_cr3() == entry.cr3)
		map_more();
	guest_main();
	finish();
}

enum protocol boot_protocol(void)
{
	return protocol;
}

const uint8_t *zero_page(void)
{
	if (protocol != PROTOCOL_LINUX)
		die("not started by the Linux protocol");
	return info;
}

const char *boot_cmdline(void)
{
	uint64_t p = 0;

	switch (protocol) {
	case PROTOCOL_LINUX:
		p = le32(info + ZP_CMD_LINE_PTR);
		break;
	case PROTOCOL_PVH:
		p = le64(info + PVH_CMDLINE);
		break;
	case PROTOCOL_MULTIBOOT:
		p = le32(info) & MB_HAS_CMDLINE ? le32(info + MB_CMDLINE) : 0;
		break;
	}
	return p ? (const char *)p : "";
}

static uint32_t ram_e820(struct ram *ram, uint32_t max)
{
	uint32_t n = info[ZP_E820_ENTRIES], i;
	const uint8_t *e = info + ZP_E820_TABLE;

	for (i = 0; i < n && i < max; i++, e += 20)
		ram[i] = (struct ram){le64(e), le64(e + 8), le32(e + 16)};
	return i;
}

static uint32_t ram_pvh(struct ram *ram, uint32_t max)
{
	const uint8_t *e = (const uint8_t *)le64(info + PVH_MEMMAP);
	uint32_t n = le32(info + PVH_MEMMAP_ENTRIES), i;

	for (i = 0; i < n && i < max; i++, e += 24)
		ram[i] = (struct ram){le64(e), le64(e + 8), le32(e + 16)};
	return i;
}

static uint32_t ram_multiboot(struct ram *ram, uint32_t max)
{
	uint32_t p = le32(info + MB_MMAP), end = p + le32(info + MB_MMAP_LEN), n = 0;

	/* `size` does not count itself. */
	for (; p < end && n < max; p += le32((const void *)(uintptr_t)p) + 4) {
		const uint8_t *e = (const uint8_t *)(uintptr_t)p;

		ram[n++] = (struct ram){le64(e + 4), le64(e + 12), le32(e + 20)};
	}
	return n;
}

uint32_t boot_ram(struct ram *ram, uint32_t max)
{
	switch (protocol) {
	case PROTOCOL_LINUX:
		return ram_e820(ram, max);
	case PROTOCOL_PVH:
		return ram_pvh(ram, max);
	case PROTOCOL_MULTIBOOT:
		return ram_multiboot(ram, max);
	}
	return 0;
}

static uint64_t rsdp_scan(void)
{
	for (uint64_t p = 0xe0000; p < 0x100000; p += 16)
		if (le64((const void *)p) == RSDP_SIGNATURE)
			return p;
	return 0;
}

uint64_t boot_rsdp(void)
{
	uint64_t p = 0;

	if (protocol == PROTOCOL_LINUX)
		p = le64(info + ZP_RSDP);
	else if (protocol == PROTOCOL_PVH)
		p = le64(info + PVH_RSDP);
	return p ? p : rsdp_scan();
}
