/* SPDX-License-Identifier: Apache-2.0 */
/* Which protocol an image is started by: the order of the design, or what the caller wants. */
#include "parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

enum { SOLO5_HVT = 1, SOLO5_VIRTIO = 3, MULTIBOOT_AOUT = 1 << 16, MULTIBOOT_UNKNOWN = 0xfff8 /* known: align, memory, video */ };

int boot_refuse(const struct boot_file *file, const char *fmt, ...)
{
	char text[sizeof file->err->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(file->err, -ENOEXEC, "boot_parse", file->name, "%s", text);
}

/* What was found in a file before a protocol is chosen. */
struct found {
	bool is_elf, is_bzimage, has_multiboot;
	int elf_error; /* of an ELF file whose headers are bad */
	struct boot_elf elf;
	struct boot_multiboot multiboot;
};

static void look(const struct boot_file *file, struct found *f)
{
	struct boot_file quiet = *file;

	quiet.err = NULL; /* a multiboot kernel with address fields may have odd ELF headers */
	f->is_elf = boot_elf_is(file);
	if (f->is_elf)
		f->elf_error = boot_elf_parse(&quiet, &f->elf);
	f->is_bzimage = boot_bzimage_is(file);
	f->has_multiboot = boot_multiboot_find(file, &f->multiboot);
}

static bool is_hvt(const struct found *f)
{
	return f->elf.notes.has_solo5 && f->elf.notes.solo5_target == SOLO5_HVT;
}

static int refuse_unknown(const struct boot_file *file)
{
	static const struct {
		uint64_t at;
		const char *magic, *what;
	} known[] = {
		{ 0, "\x1f\x8b", "a gzip file: unpack it first" },
		{ 0, "\xfd" "7zXZ", "an XZ file: unpack it first" },
		{ 0, "\x28\xb5\x2f\xfd", "a zstd file: unpack it first" },
		{ 56, "ARM\x64", "an arm64 kernel image" },
		{ 0, "#!", "a script, not a kernel" },
		{ 0, "070701", "a cpio archive: an initrd, not a kernel" },
		{ 0, "QFI\xfb", "a qcow2 disk, not a kernel" },
		{ 0, "MZ", "an EFI program without a Linux boot header" },
	};

	if (!file->len)
		return boot_refuse(file, "the file is empty");
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		size_t len = strlen(known[i].magic);

		if (file->len >= known[i].at + len && !memcmp(file->data + known[i].at, known[i].magic, len))
			return boot_refuse(file, "this is %s", known[i].what);
	}
	return boot_refuse(file, "neither an ELF file nor a bzImage, and without a multiboot header");
}

/* Fills in what an ELF file has, or says what is wrong with it. */
static int take_elf(const struct boot_file *file, struct found *f, struct boot_image *image)
{
	if (!f->is_elf)
		return refuse_unknown(file);
	if (f->elf_error)
		return boot_elf_parse(file, &f->elf);
	boot_elf_take(&f->elf, image);
	return 0;
}

static int check_entry(const struct boot_file *file, const struct boot_image *image, uint64_t max)
{
	if (!boot_image_covers(image, image->entry))
		return boot_refuse(file, "entry %#llx is in none of its segments", (unsigned long long)image->entry);
	if (image->entry > max)
		return boot_refuse(file, "entry %#llx is above 4 GiB", (unsigned long long)image->entry);
	return 0;
}

static int parse_hvt(const struct boot_file *file, struct found *f, struct boot_image *image)
{
	int rc = take_elf(file, f, image);

	if (rc)
		return rc;
	if (!is_hvt(f))
		return boot_refuse(file, "no Solo5 hvt note in it");
	image->entry = f->elf.entry;
	image->protocol = BOOT_HVT;
	image->cmdline_max = BOOT_MULTIBOOT_CMDLINE_MAX;
	snprintf(image->guest, sizeof image->guest, "Solo5 hvt ABI %u", f->elf.notes.solo5_abi);
	return 0;
}

static int parse_multiboot(const struct boot_file *file, struct found *f, struct boot_image *image)
{
	int rc;

	if (!f->has_multiboot)
		return boot_refuse(file, "no multiboot header in its first 8 KiB");
	if (f->multiboot.flags & MULTIBOOT_UNKNOWN)
		return boot_refuse(file, "multiboot header demands unknown features: flags %#x", f->multiboot.flags);
	image->protocol = BOOT_MULTIBOOT;
	image->cmdline_max = BOOT_MULTIBOOT_CMDLINE_MAX;
	if (f->multiboot.flags & MULTIBOOT_AOUT) {
		rc = boot_multiboot_aout(file, &f->multiboot, image);
	} else {
		rc = take_elf(file, f, image);
		image->entry = boot_elf_physical_entry(&f->elf);
	}
	return rc ? rc : check_entry(file, image, UINT32_MAX);
}

static int parse_pvh(const struct boot_file *file, struct found *f, struct boot_image *image)
{
	int rc;

	if (f->is_bzimage && !f->is_elf)
		return boot_refuse(file, "a bzImage has no PVH entry: unpack it (decompress) or use the Linux protocol");
	rc = take_elf(file, f, image);
	if (rc)
		return rc;
	if (!f->elf.notes.has_pvh)
		return boot_refuse(file, "no PVH note in it");
	image->entry = f->elf.notes.pvh_entry;
	image->protocol = BOOT_PVH;
	return check_entry(file, image, UINT32_MAX);
}

static int parse_linux(const struct boot_file *file, struct found *f, struct boot_image *image)
{
	int rc;

	if (f->is_bzimage)
		return boot_bzimage_parse(file, image);
	rc = take_elf(file, f, image);
	if (rc)
		return rc;
	if (!f->elf.is64)
		return boot_refuse(file, "a 32-bit ELF file without a multiboot header or PVH note");
	if (f->elf.notes.has_solo5 && f->elf.notes.solo5_target != SOLO5_VIRTIO)
		return boot_refuse(file, "built for a Solo5 tender that is not a virtual machine (target %u)",
			f->elf.notes.solo5_target);
	if (f->elf.wants_interpreter && f->elf.dynamic)
		return boot_refuse(file, "a dynamically linked program of an operating system, not a kernel");
	image->entry = f->elf.entry;
	image->protocol = BOOT_LINUX;
	return check_entry(file, image, UINT32_MAX);
}

typedef int parse_fn(const struct boot_file *file, struct found *f, struct boot_image *image);

static parse_fn *choose(const struct found *f, enum boot_protocol wanted)
{
	static parse_fn *const by_protocol[] = {
		[BOOT_LINUX] = parse_linux,
		[BOOT_PVH] = parse_pvh,
		[BOOT_MULTIBOOT] = parse_multiboot,
		[BOOT_HVT] = parse_hvt,
	};

	if (wanted != BOOT_AUTO)
		return by_protocol[wanted];
	if (is_hvt(f))
		return parse_hvt;
	if (f->is_bzimage)
		return parse_linux;
	if (f->has_multiboot)
		return parse_multiboot;
	if (f->elf.notes.has_pvh && (!f->elf.is64 || !boot_elf_covers(&f->elf, f->elf.entry)))
		return parse_pvh;
	return parse_linux;
}

static void describe(const struct boot_file *file, const struct found *f, struct boot_image *image)
{
	static const char *const tender[] = { "?", "hvt", "spt", "virtio", "muen", "genode", "xen" };
	uint32_t target = f->elf.notes.solo5_target;

	image->has_pvh = f->elf.notes.has_pvh;
	image->pvh_entry = f->elf.notes.pvh_entry;
	image->has_multiboot = f->has_multiboot;
	image->multiboot_flags = f->has_multiboot ? f->multiboot.flags : 0;
	image->has_hvt = is_hvt(f);
	if (f->elf.notes.has_solo5)
		snprintf(image->guest, sizeof image->guest, "Solo5 %s ABI %u",
			tender[target < sizeof tender / sizeof tender[0] ? target : 0], f->elf.notes.solo5_abi);
	boot_identify(file, image);
	if (image->protocol == BOOT_LINUX && !image->cmdline_max && !strncmp(image->guest, "Linux", 5))
		image->cmdline_max = BOOT_LINUX_CMDLINE_MAX;
}

static int parse_file(const struct boot_file *file, enum boot_protocol wanted, struct boot_image *image)
{
	struct found f = { 0 };
	int rc;

	look(file, &f);
	rc = choose(&f, wanted)(file, &f, image);
	if (!rc)
		describe(file, &f, image);
	return rc;
}

/* The unpacked kernel is a vmlinux; the bzImage's header stays, for the zero page and its limits. */
static int parse_unpacked(const struct boot_file *file, enum boot_protocol wanted, struct boot_image *image)
{
	struct boot_file inner = *file;
	uint8_t *unpacked = NULL;
	uint64_t off, len;
	int rc = boot_bzimage_parse(file, image);

	if (!rc)
		rc = boot_bzimage_payload(file, image, &off, &len);
	if (!rc)
		rc = boot_unpack(file, off, len, &unpacked, &inner.len);
	if (rc)
		return rc;
	inner.data = image->data = image->unpacked = unpacked;
	image->len = inner.len;
	memset(image->segment, 0, sizeof image->segment);
	image->low = image->high = 0;
	return parse_file(&inner, wanted, image);
}

int boot_parse(struct boot_image *image, const void *data, uint64_t len, enum boot_protocol wanted,
	bool decompress, const char *name, struct ukvmm_err *err)
{
	const struct boot_file file = { data, len, name, err };
	int rc;

	*image = (struct boot_image){ .data = data, .len = len, .initrd_max = UINT64_MAX };
	if (wanted > BOOT_HVT)
		return err_set(err, -EINVAL, "boot_parse", name, "unknown boot protocol %u", wanted);
	if (decompress && wanted <= BOOT_PVH && boot_bzimage_is(&file))
		rc = parse_unpacked(&file, wanted, image);
	else
		rc = parse_file(&file, wanted, image);
	if (rc)
		boot_image_fini(image);
	return rc;
}

void boot_image_fini(struct boot_image *image)
{
	free(image->unpacked);
	*image = (struct boot_image){ 0 };
}
