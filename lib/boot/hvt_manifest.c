/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of a Solo5 guest: the devices that it must be given, as struct mft of Solo5's ABI has them. */
#include "parse.h"

#include <stdio.h>
#include <string.h>

#include "cursor.h"
#include "hvt_manifest.h"

static bool is_name(const char *name)
{
	size_t len = strnlen(name, BOOT_HVT_NAME);

	if (!len || len == BOOT_HVT_NAME)
		return false;
	for (; *name; name++)
		if (!((*name >= '0' && *name <= '9') || (*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z')))
			return false;
	return true;
}

static void entry_read(const uint8_t *manifest, uint32_t index, struct boot_hvt_entry *entry, bool *attached)
{
	struct reader r;

	reader_init(&r, manifest + HVT_MFT_HEADER + (uint64_t)index * HVT_MFT_ENTRY, HVT_MFT_ENTRY);
	reader_bytes(&r, entry->name, sizeof entry->name);
	entry->type = (enum boot_hvt_type)reader_u32(&r);
	reader_seek(&r, HVT_MFT_ATTACHED);
	*attached = reader_u8(&r);
}

void boot_hvt_entry(const struct boot_image *image, uint32_t index, struct boot_hvt_entry *entry)
{
	bool attached;

	entry_read(image->data + image->hvt_manifest, index, entry, &attached);
}

static int check_entry(const struct boot_file *file, const uint8_t *manifest, uint32_t index)
{
	struct boot_hvt_entry e, before;
	bool attached;

	entry_read(manifest, index, &e, &attached);
	if (attached)
		return boot_refuse(file, "entry %u of its Solo5 manifest is attached already", index);
	if (!index)
		return e.type == BOOT_HVT_FIRST && !e.name[0] ? 0 :
			boot_refuse(file, "its Solo5 manifest does not begin with the reserved entry");
	if (!is_name(e.name))
		return boot_refuse(file, "entry %u of its Solo5 manifest has no name of letters and digits", index);
	if (e.type != BOOT_HVT_BLOCK && e.type != BOOT_HVT_NET)
		return boot_refuse(file, "device %s of its Solo5 manifest is of unknown type %#x", e.name,
			(unsigned)e.type);
	for (uint32_t i = 1; i < index; i++) {
		entry_read(manifest, i, &before, &attached);
		if (!strcmp(before.name, e.name))
			return boot_refuse(file, "its Solo5 manifest names device %s twice", e.name);
	}
	return 0;
}

int boot_hvt_manifest(const struct boot_file *file, const struct boot_notes *notes, struct boot_image *image)
{
	uint32_t version, entries;
	struct reader r;

	if (!notes->has_manifest)
		return boot_refuse(file, "a Solo5 guest without a manifest");
	if (notes->manifest_len < HVT_MFT_HEADER)
		return boot_refuse(file,
			"the note of its Solo5 manifest has no valid size: too short, or longer than its segment");
	reader_init(&r, file->data + notes->manifest, notes->manifest_len);
	version = reader_u32(&r);
	entries = reader_u32(&r);
	if (r.bad || version != HVT_MFT_VERSION)
		return boot_refuse(file, "a Solo5 manifest of version %u: only %u is known", version, HVT_MFT_VERSION);
	if (!entries || entries > BOOT_HVT_ENTRIES)
		return boot_refuse(file, "a Solo5 manifest of %u entries: it has 1 to %u", entries, BOOT_HVT_ENTRIES);
	if (notes->manifest_len != HVT_MFT_HEADER + (uint64_t)entries * HVT_MFT_ENTRY)
		return boot_refuse(file, "a Solo5 manifest of %u entries has %llu bytes", entries,
			(unsigned long long)notes->manifest_len);
	for (uint32_t i = 0; i < entries; i++) {
		int rc = check_entry(file, r.data, i);

		if (rc)
			return rc;
	}
	image->hvt_manifest = notes->manifest;
	image->hvt_entries = entries;
	return 0;
}

uint32_t boot_solo5_devices(const struct boot_file *file, const struct boot_notes *notes)
{
	struct boot_file quiet = *file;
	struct boot_image image = {.data = file->data};

	quiet.err = NULL;
	return boot_hvt_manifest(&quiet, notes, &image) ? 0 : image.hvt_entries - 1;
}
