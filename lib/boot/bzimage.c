/* SPDX-License-Identifier: Apache-2.0 */
/* Linux's real-mode setup header, Documentation/arch/x86/boot.rst. Offsets are the file's. */
#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checked.h"
#include "cursor.h"
#include "layout.h"

enum {
	SETUP_SECTS = 0x1f1,
	SYSSIZE = 0x1f4,
	BOOT_FLAG = 0x1fe,
	JUMP_LENGTH = 0x201,
	MAGIC = 0x202,
	VERSION = 0x206,
	KERNEL_VERSION = 0x20e,
	INITRD_ADDR_MAX = 0x22c,
	KERNEL_ALIGNMENT = 0x230,
	RELOCATABLE = 0x234,
	XLOADFLAGS = 0x236,
	CMDLINE_SIZE = 0x238,
	PAYLOAD_OFFSET = 0x248,
	PREF_ADDRESS = 0x258,
	INIT_SIZE = 0x260,

	PROTOCOL_2_12 = 0x20c,	/* the first with xloadflags */
	XLF_KERNEL_64 = 1 << 0, /* 64-bit entry at 0x200 */
	XLF_ABOVE_4G = 1 << 1,
	ENTRY_64 = 0x200,
	SECTOR = 512,
	BOOT_FLAG_MAGIC = 0xaa55,
};

static uint32_t field(const struct boot_file *file, uint64_t off, unsigned int bytes)
{
	struct reader r;

	reader_init(&r, file->data, file->len);
	reader_seek(&r, off);
	return bytes == 1 ? reader_u8(&r) : bytes == 2 ? reader_u16(&r) : reader_u32(&r);
}

static uint64_t field64(const struct boot_file *file, uint64_t off)
{
	return field(file, off, 4) | (uint64_t)field(file, off + 4, 4) << 32;
}

bool boot_bzimage_is(const struct boot_file *file)
{
	return file->len >= MAGIC + 4 && !memcmp(file->data + MAGIC, "HdrS", 4) &&
	       field(file, BOOT_FLAG, 2) == BOOT_FLAG_MAGIC;
}

static uint64_t kernel_offset(const struct boot_file *file)
{
	uint32_t sectors = field(file, SETUP_SECTS, 1);

	return ((sectors ? sectors : 4) + 1ull) * SECTOR;
}

static int check_entry(const struct boot_file *file)
{
	uint32_t version = field(file, VERSION, 2);

	if (file->len < INIT_SIZE + 4)
		return boot_refuse(file, "bzImage is cut off inside its header, at %llu bytes",
			(unsigned long long)file->len);
	if (version < PROTOCOL_2_12)
		return boot_refuse(file,
			"bzImage of boot protocol %u.%02u has no 64-bit entry (2.12 is needed)",
			version >> 8, version & 0xff);
	if (!(field(file, XLOADFLAGS, 2) & XLF_KERNEL_64))
		return boot_refuse(file, "bzImage of a 32-bit kernel: XLF_KERNEL_64 is not set");
	return 0;
}

/* A relocatable kernel moves itself up to pref_address anyway (boot.rst, init_size), so a lower
 * place would save nothing: only a header without one leaves the choice to us. */
static int load_address(const struct boot_file *file, uint64_t *gpa)
{
	uint64_t preferred = field64(file, PREF_ADDRESS), align = field(file, KERNEL_ALIGNMENT, 4);

	*gpa = preferred;
	if (preferred >= BOOT_HIGH_RAM)
		return 0;
	if (!field(file, RELOCATABLE, 1) || !align || align & (align - 1))
		return boot_refuse(file,
			"bzImage wants to be loaded at %#llx, below 1 MiB, and cannot move",
			(unsigned long long)preferred);
	*gpa = align > BOOT_HIGH_RAM ? align : BOOT_HIGH_RAM;
	return 0;
}

/* syssize counts paragraphs of 16 bytes; not every builder pads its file to the last one's end. */
static uint64_t kernel_bytes(const struct boot_file *file, uint64_t offset)
{
	uint64_t bytes = field(file, SYSSIZE, 4) * 16ull;
	uint64_t left = file->len > offset ? file->len - offset : 0;

	return bytes > left && bytes - left < 16 ? left : bytes;
}

static int place(const struct boot_file *file, struct boot_image *image)
{
	uint64_t offset = kernel_offset(file), bytes = kernel_bytes(file, offset), gpa, end;
	uint64_t init_size = field(file, INIT_SIZE, 4);
	int rc = load_address(file, &gpa);

	if (rc)
		return rc;
	if (!bytes || out_of(offset, bytes, file->len))
		return boot_refuse(file,
			"bzImage says its kernel is %#llx + %#llx, the file has %#llx: truncated?",
			(unsigned long long)offset, (unsigned long long)bytes,
			(unsigned long long)file->len);
	if (bytes > init_size || bytes <= ENTRY_64)
		return boot_refuse(file,
			"bzImage of %#llx bytes says that it needs %#llx: malformed",
			(unsigned long long)bytes, (unsigned long long)init_size);
	if (add_wraps(gpa, init_size, &end))
		return boot_refuse(file, "bzImage load address %#llx + %#llx wraps",
			(unsigned long long)gpa, (unsigned long long)init_size);
	image->segment[0] = (struct boot_segment){offset, bytes, gpa, init_size, 7};
	image->segments = 1;
	image->low = gpa;
	image->high = end;
	image->entry = gpa + ENTRY_64;
	return 0;
}

/* kernel_version: file offset - 0x200 of a string such as "6.1.0-18-cloud-amd64 (builder@host) #1
 * SMP". */
static void name_kernel(const struct boot_file *file, struct boot_image *image)
{
	uint32_t at = field(file, KERNEL_VERSION, 2);
	char release[48] = {0};
	struct reader r;

	reader_init(&r, file->data, file->len);
	reader_seek(&r, at + 0x200ull);
	for (size_t i = 0; at && i + 1 < sizeof release; i++) {
		uint8_t c = reader_u8(&r);

		if (r.bad || c <= ' ' || c > '~')
			break;
		release[i] = (char)c;
	}
	snprintf(image->guest, sizeof image->guest, "Linux%s%s", release[0] ? " " : "", release);
}

static void read_limits(const struct boot_file *file, struct boot_image *image)
{
	uint32_t max = field(file, CMDLINE_SIZE, 4),
		 len = MAGIC - SETUP_SECTS + field(file, JUMP_LENGTH, 1);

	image->cmdline_max = max && max < BOOT_CMDLINE_MAX ? max : BOOT_CMDLINE_MAX;
	image->initrd_max = field(file, XLOADFLAGS, 2) & XLF_ABOVE_4G
				    ? UINT64_MAX
				    : field(file, INITRD_ADDR_MAX, 4);
	/* boot.rst: the header ends at 0x202 + the byte at 0x201 */
	if (len > sizeof image->setup_header)
		len = sizeof image->setup_header;
	if (len > file->len - SETUP_SECTS)
		len = (uint32_t)(file->len - SETUP_SECTS);
	memcpy(image->setup_header, file->data + SETUP_SECTS, len);
	image->setup_header_len = len;
}

int boot_bzimage_parse(const struct boot_file *file, struct boot_image *image)
{
	int rc = check_entry(file);

	if (rc)
		return rc;
	rc = place(file, image);
	if (rc)
		return rc;
	image->format = BOOT_BZIMAGE;
	image->protocol = BOOT_LINUX;
	read_limits(file, image);
	name_kernel(file, image);
	return 0;
}

int boot_bzimage_payload(
	const struct boot_file *file, const struct boot_image *image, uint64_t *off, uint64_t *len)
{
	uint64_t start = field(file, PAYLOAD_OFFSET, 4);

	*len = field(file, PAYLOAD_OFFSET + 4, 4);
	if (out_of(start, *len, image->segment[0].file_bytes) || *len < 8)
		return boot_refuse(file,
			"bzImage payload %#llx + %#llx lies outside of its kernel (%#llx bytes)",
			(unsigned long long)start, (unsigned long long)*len,
			(unsigned long long)image->segment[0].file_bytes);
	*off = image->segment[0].offset + start;
	return 0;
}
