/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot specification 0.6.96, section 3.1. */
#include "parse.h"

#include <errno.h>

#include "checked.h"
#include "cursor.h"

enum {
	HEADER_MAGIC = 0x1badb002,
	SEARCH_BYTES = 8192,
	ADDRESS_FIELDS = 1 << 16,
};

static bool read_at(const struct boot_file *file, uint64_t off, struct boot_multiboot *header)
{
	uint32_t magic, checksum;
	struct reader r;

	reader_init(&r, file->data, file->len);
	reader_seek(&r, off);
	magic = reader_u32(&r);
	if (magic != HEADER_MAGIC)
		return false;
	*header = (struct boot_multiboot){.offset = off, .flags = reader_u32(&r)};
	checksum = reader_u32(&r);
	if (r.bad || magic + header->flags + checksum)
		return false;
	if (!(header->flags & ADDRESS_FIELDS))
		return true;
	header->header_addr = reader_u32(&r);
	header->load_addr = reader_u32(&r);
	header->load_end_addr = reader_u32(&r);
	header->bss_end_addr = reader_u32(&r);
	header->entry_addr = reader_u32(&r);
	return !r.bad;
}

bool boot_multiboot_find(const struct boot_file *file, struct boot_multiboot *header)
{
	for (uint64_t off = 0; off < SEARCH_BYTES && off + 12 <= file->len; off += 4)
		if (read_at(file, off, header))
			return true;
	return false;
}

int boot_multiboot_aout(
	const struct boot_file *file, const struct boot_multiboot *h, struct boot_image *image)
{
	uint64_t before = (uint64_t)h->header_addr - h->load_addr, start, file_bytes, mem_bytes;

	if (h->header_addr < h->load_addr || before > h->offset)
		return boot_refuse(file,
			"multiboot header at %#x is loaded at %#x: outside of the file",
			h->header_addr, h->load_addr);
	start = h->offset - before;
	file_bytes =
		h->load_end_addr ? (uint64_t)h->load_end_addr - h->load_addr : file->len - start;
	if (h->load_end_addr && h->load_end_addr < h->load_addr)
		return boot_refuse(file, "multiboot load addresses %#x to %#x run backwards",
			h->load_addr, h->load_end_addr);
	if (out_of(start, file_bytes, file->len))
		return boot_refuse(file,
			"multiboot header wants file bytes %#llx + %#llx, the file has %#llx: "
			"truncated?",
			(unsigned long long)start, (unsigned long long)file_bytes,
			(unsigned long long)file->len);
	mem_bytes = h->bss_end_addr ? (uint64_t)h->bss_end_addr - h->load_addr : file_bytes;
	if (h->bss_end_addr && (h->bss_end_addr < h->load_addr || mem_bytes < file_bytes))
		return boot_refuse(
			file, "multiboot bss ends at %#x, before what is loaded", h->bss_end_addr);
	image->segment[0] = (struct boot_segment){start, file_bytes, h->load_addr, mem_bytes, 7};
	image->segments = mem_bytes ? 1 : 0;
	image->low = h->load_addr;
	image->high = h->load_addr + mem_bytes;
	image->entry = h->entry_addr;
	image->format = BOOT_AOUT;
	return 0;
}
