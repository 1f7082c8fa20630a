/* SPDX-License-Identifier: Apache-2.0 */
/* An image by one protocol: segments, entry and limits, or why not. */
#include "parse.h"

#include <elf.h>
#include <stdio.h>

#include "checked.h"
#include "layout.h"

enum {
	SOLO5_HVT = 1,
	SOLO5_VIRTIO = 3,
	SOLO5_HVT_ABI = 2, /* 1 is the same to a tender: only what is inside of the guest changed */
	MULTIBOOT_AOUT = 1 << 16,
	MULTIBOOT_UNKNOWN = 0xfff8, /* known: align, memory, video */
};

bool boot_is_hvt(const struct boot_found *f)
{
	return f->elf.notes.has_solo5 && f->elf.notes.solo5_target == SOLO5_HVT;
}

/* Fills in what an ELF file has, or says what is wrong with it. */
static int take_elf(const struct boot_file *file, struct boot_found *f, struct boot_image *image)
{
	if (!f->is_elf)
		return boot_refuse_unknown(file);
	if (f->elf_error)
		return boot_elf_parse(file, &f->elf);
	boot_elf_take(&f->elf, image);
	return 0;
}

static int check_entry(const struct boot_file *file, const struct boot_image *image, uint64_t max)
{
	if (!boot_image_covers(image, image->entry))
		return boot_refuse(file, "entry %#llx is in none of its segments",
			(unsigned long long)image->entry);
	if (image->entry > max)
		return boot_refuse(
			file, "entry %#llx is above 4 GiB", (unsigned long long)image->entry);
	return 0;
}

static uint64_t page_end(const struct boot_segment *s)
{
	return align_down(s->gpa + s->mem_bytes - 1, MEM_PAGE) + MEM_PAGE; /* the caller has checked s against wrapping */
}

/* What Solo5's own tender demands: above the low megabyte, and no page both writable and executable. */
static int check_hvt_segments(const struct boot_file *file, const struct boot_elf *elf)
{
	for (uint32_t i = 0; i < elf->segments; i++) {
		const struct boot_segment *s = &elf->segment[i];

		if (s->gpa < BOOT_HIGH_RAM || s->gpa + s->mem_bytes > UINT32_MAX || elf->vaddr[i] != s->gpa)
			return boot_refuse(file,
				"segment at %#llx: a Solo5 hvt guest is loaded at its virtual addresses, above 1 MiB",
				(unsigned long long)s->gpa);
		for (uint32_t j = 0; j <= i; j++) {
			const struct boot_segment *t = &elf->segment[j];
			uint64_t from = align_down(t->gpa, MEM_PAGE), start = align_down(s->gpa, MEM_PAGE);
			uint32_t both = s->flags | t->flags;

			if (both & PF_W && both & PF_X &&
				overlaps(start, page_end(s) - start, from, page_end(t) - from))
				return boot_refuse(file, "a page at %#llx is both writable and executable",
					(unsigned long long)start);
		}
	}
	return 0;
}

int boot_parse_hvt(const struct boot_file *file, struct boot_found *f, struct boot_image *image)
{
	int rc = take_elf(file, f, image);

	if (rc)
		return rc;
	if (!boot_is_hvt(f))
		return boot_refuse(file, "no Solo5 hvt note in it");
	if (!f->elf.is64)
		return boot_refuse(file, "a Solo5 hvt guest in a 32-bit ELF file");
	if (!f->elf.notes.solo5_abi || f->elf.notes.solo5_abi > SOLO5_HVT_ABI)
		return boot_refuse(file, "Solo5 hvt ABI %u: only versions 1 to %u are spoken here", f->elf.notes.solo5_abi,
			SOLO5_HVT_ABI);
	rc = check_hvt_segments(file, &f->elf);
	if (!rc)
		rc = boot_hvt_manifest(file, &f->elf.notes, image);
	if (rc)
		return rc;
	image->entry = f->elf.entry;
	image->protocol = BOOT_HVT;
	image->cmdline_max = BOOT_MULTIBOOT_CMDLINE_MAX;
	snprintf(image->guest, sizeof image->guest, "Solo5 hvt ABI %u", f->elf.notes.solo5_abi);
	return check_entry(file, image, UINT32_MAX);
}

int boot_parse_multiboot(
	const struct boot_file *file, struct boot_found *f, struct boot_image *image)
{
	int rc;

	if (!f->has_multiboot)
		return boot_refuse(file, "no multiboot header in its first 8 KiB");
	if (f->multiboot.flags & MULTIBOOT_UNKNOWN)
		return boot_refuse(file, "multiboot header demands unknown features: flags %#x",
			f->multiboot.flags);
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

int boot_parse_pvh(const struct boot_file *file, struct boot_found *f, struct boot_image *image)
{
	int rc;

	if (f->is_bzimage && !f->is_elf)
		return boot_refuse(file, "a bzImage has no PVH entry: unpack it (decompress) or "
					 "use the Linux protocol");
	rc = take_elf(file, f, image);
	if (rc)
		return rc;
	if (!f->elf.notes.has_pvh)
		return boot_refuse(file, "no PVH note in it");
	image->entry = f->elf.notes.pvh_entry;
	image->protocol = BOOT_PVH;
	return check_entry(file, image, UINT32_MAX);
}

int boot_parse_linux(const struct boot_file *file, struct boot_found *f, struct boot_image *image)
{
	int rc;

	if (f->is_bzimage)
		return boot_bzimage_parse(file, image);
	rc = take_elf(file, f, image);
	if (rc)
		return rc;
	if (!f->elf.is64)
		return boot_refuse(
			file, "a 32-bit ELF file without a multiboot header or PVH note");
	if (f->elf.notes.has_solo5 && f->elf.notes.solo5_target != SOLO5_VIRTIO)
		return boot_refuse(file,
			"built for a Solo5 tender that is not a virtual machine (target %u)",
			f->elf.notes.solo5_target);
	if (f->elf.wants_interpreter && f->elf.dynamic)
		return boot_refuse(
			file, "a dynamically linked program of an operating system, not a kernel");
	image->entry = f->elf.entry;
	image->protocol = BOOT_LINUX;
	return check_entry(file, image, UINT32_MAX);
}
