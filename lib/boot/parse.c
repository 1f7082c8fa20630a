/* SPDX-License-Identifier: Apache-2.0 */
/* Which protocol an image is started by: the order of the design, or what the caller wants. */
#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

static void look(const struct boot_file *file, struct boot_found *f)
{
	struct boot_file quiet = *file;

	quiet.err = NULL; /* a multiboot kernel with address fields may have odd ELF headers */
	f->is_elf = boot_elf_is(file);
	if (f->is_elf)
		f->elf_error = boot_elf_parse(&quiet, &f->elf);
	f->is_bzimage = boot_bzimage_is(file);
	f->has_multiboot = boot_multiboot_find(file, &f->multiboot);
}

typedef int parse_fn(const struct boot_file *file, struct boot_found *f, struct boot_image *image);

static parse_fn *choose(const struct boot_found *f, enum boot_protocol wanted)
{
	static parse_fn *const by_protocol[] = {
		[BOOT_LINUX] = boot_parse_linux,
		[BOOT_PVH] = boot_parse_pvh,
		[BOOT_MULTIBOOT] = boot_parse_multiboot,
		[BOOT_HVT] = boot_parse_hvt,
	};

	if (wanted != BOOT_AUTO)
		return by_protocol[wanted];
	if (boot_is_hvt(f))
		return boot_parse_hvt;
	if (f->is_bzimage)
		return boot_parse_linux;
	if (f->has_multiboot)
		return boot_parse_multiboot;
	if (f->elf.notes.has_pvh && (!f->elf.is64 || !boot_elf_covers(&f->elf, f->elf.entry)))
		return boot_parse_pvh;
	return boot_parse_linux;
}

enum { SOLO5_VIRTIO = 3 }; /* abi_target */

static void describe(
	const struct boot_file *file, const struct boot_found *f, struct boot_image *image)
{
	static const char *const tender[] = {"?", "hvt", "spt", "virtio", "muen", "genode", "xen"};
	uint32_t target = f->elf.notes.solo5_target;

	image->has_pvh = f->elf.notes.has_pvh;
	image->pvh_entry = f->elf.notes.pvh_entry;
	image->has_multiboot = f->has_multiboot;
	image->multiboot_flags = f->has_multiboot ? f->multiboot.flags : 0;
	image->has_hvt = boot_is_hvt(f);
	if (f->elf.notes.has_solo5)
		snprintf(image->guest, sizeof image->guest, "Solo5 %s ABI %u",
			tender[target < sizeof tender / sizeof tender[0] ? target : 0],
			f->elf.notes.solo5_abi);
	boot_identify(file, image);
	if (f->elf.notes.has_solo5 && target == SOLO5_VIRTIO) {
		image->pci_guest = "build it for Solo5's hvt target";
		image->pci_devices = boot_solo5_devices(file, &f->elf.notes);
	}
	if (image->protocol == BOOT_LINUX && !image->cmdline_max &&
		!strncmp(image->guest, "Linux", 5))
		image->cmdline_max = BOOT_LINUX_CMDLINE_MAX;
}

static int parse_file(
	const struct boot_file *file, enum boot_protocol wanted, struct boot_image *image)
{
	struct boot_found f = {0};
	int rc;

	look(file, &f);
	rc = choose(&f, wanted)(file, &f, image);
	if (!rc)
		describe(file, &f, image);
	return rc;
}

/* The unpacked kernel is a vmlinux; the bzImage's header stays, for the zero page and its limits.
 */
static int parse_unpacked(
	const struct boot_file *file, enum boot_protocol wanted, struct boot_image *image)
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
	const struct boot_file file = {data, len, name, err};
	int rc;

	*image = (struct boot_image){.data = data, .len = len, .initrd_max = UINT64_MAX};
	if (wanted > BOOT_HVT)
		return err_set(
			err, -EINVAL, "boot_parse", name, "unknown boot protocol %u", wanted);
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
	*image = (struct boot_image){0};
}
