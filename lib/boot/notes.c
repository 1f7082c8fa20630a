/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <string.h>

#include "checked.h"
#include "cursor.h"

enum {
	XEN_PHYS32_ENTRY = 18,	 /* XEN_ELFNOTE_PHYS32_ENTRY, xen/include/public/elfnote.h */
	SOLO5_ABI1 = 0x31494241, /* "ABI1" */
	SOLO5_MFT1 = 0x3154464d, /* "MFT1" */
	SOLO5_NAME = 6,
	SOLO5_ALIGN = 4, /* of its fields, whatever the segment's alignment is */
	FUNCTION = 1,
	FUNCTION_NAME = 6,
	MANIFEST_PAD = 4, /* the descriptor begins at 20, its contents are 8-aligned */
};

struct note {
	uint32_t type;
	const uint8_t *name, *desc;
	uint32_t name_bytes, desc_bytes;
};

static bool is_manifest(const struct note *note)
{
	return note->type == SOLO5_MFT1 && note->name && note->name_bytes == SOLO5_NAME &&
		!memcmp(note->name, "Solo5", SOLO5_NAME);
}

static void note_use(const struct boot_file *file, const struct note *note, struct boot_notes *notes)
{
	struct reader desc;

	reader_init(&desc, note->desc, note->desc_bytes);
	if (note->type == XEN_PHYS32_ENTRY && note->name_bytes == 4 &&
		!memcmp(note->name, "Xen", 4)) {
		/* Linux writes 8 bytes (OSv too), Nanos 4 */
		notes->pvh_entry = note->desc_bytes >= 8 ? reader_u64(&desc) : reader_u32(&desc);
		notes->has_pvh = !desc.bad;
	}
	if (note->type == SOLO5_ABI1 && note->name_bytes >= 5 && !memcmp(note->name, "Solo5", 5)) {
		notes->solo5_target = reader_u32(&desc);
		notes->solo5_abi = reader_u32(&desc);
		notes->has_solo5 = !desc.bad;
	}
	if (note->type == FUNCTION && note->name_bytes == FUNCTION_NAME && !memcmp(note->name, "ukvmm", FUNCTION_NAME)) {
		notes->dense_from = reader_u64(&desc);
		notes->has_function = !desc.bad;
	}
	if (is_manifest(note)) {
		notes->has_manifest = true;
		notes->manifest_len = note->desc_bytes > MANIFEST_PAD ? note->desc_bytes - MANIFEST_PAD : 0;
		notes->manifest = notes->manifest_len ? (uint64_t)(note->desc - file->data) + MANIFEST_PAD : 0;
	}
}

/* Names and descriptors are padded to `align`; the last one's padding may be missing. */
static const uint8_t *take_padded(struct reader *r, uint32_t len, uint64_t align)
{
	const uint8_t *p = reader_take(r, len);
	uint64_t next;

	if (r->bad || align_up_wraps(r->pos, align, &next))
		return NULL;
	reader_seek(r, next < r->len ? next : r->len);
	return p;
}

static bool is_solo5(const struct reader *r, const struct note *note)
{
	return note->name_bytes == SOLO5_NAME && r->len - r->pos >= SOLO5_NAME &&
		!memcmp(r->data + r->pos, "Solo5", SOLO5_NAME);
}

void boot_notes_scan(const struct boot_file *file, uint64_t off, uint64_t len, uint64_t align,
	struct boot_notes *notes)
{
	struct reader r;
	uint64_t pad;

	if (out_of(off, len, file->len))
		return;
	reader_init(&r, file->data + off, len);
	while (r.pos < r.len) {
		struct note note = {0};

		note.name_bytes = reader_u32(&r);
		note.desc_bytes = reader_u32(&r);
		note.type = reader_u32(&r);
		pad = !r.bad && is_solo5(&r, &note) ? SOLO5_ALIGN : align;
		note.name = take_padded(&r, note.name_bytes, pad);
		note.desc = take_padded(&r, note.desc_bytes, pad);
		if (r.bad) {
			if (is_manifest(&note)) /* it has one, of no valid size, which is what its user is told */
				notes->has_manifest = true;
			return;
		}
		note_use(file, &note, notes);
	}
}
