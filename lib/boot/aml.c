/* SPDX-License-Identifier: Apache-2.0 */
#include "aml.h"

#include <string.h>

enum {
	NAME_OP = 0x08,
	BYTE_PREFIX = 0x0a,
	WORD_PREFIX = 0x0b,
	DWORD_PREFIX = 0x0c,
	STRING_PREFIX = 0x0d,
	SCOPE_OP = 0x10,
	BUFFER_OP = 0x11,
	EXT_OP = 0x5b,
	DEVICE_OP = 0x82,
	ROOT = '\\',
	PKG_LENGTH_BYTES = 2, /* this form holds 12 bits, itself included */
	PKG_LENGTH_MAX = 0xfff,
};

static size_t pkg_length(struct writer *w)
{
	size_t mark = w->len;

	writer_zero(w, PKG_LENGTH_BYTES);
	return mark;
}

void aml_end(struct writer *w, size_t mark)
{
	size_t len = w->len - mark;

	if (len > PKG_LENGTH_MAX)
		w->bad = true;
	if (w->bad)
		return;
	/* ACPI 6.4 20.2.4: byte count - 1 in bits 7-6, then the low four bits, then the high eight
	 */
	w->data[mark] = (uint8_t)((PKG_LENGTH_BYTES - 1) << 6 | (len & 0xf));
	w->data[mark + 1] = (uint8_t)(len >> 4);
}

size_t aml_scope(struct writer *w, const char name[static 4])
{
	size_t mark;

	writer_u8(w, SCOPE_OP);
	mark = pkg_length(w);
	writer_u8(w, ROOT);
	writer_bytes(w, name, 4);
	return mark;
}

size_t aml_device(struct writer *w, const char name[static 4])
{
	size_t mark;

	writer_u8(w, EXT_OP);
	writer_u8(w, DEVICE_OP);
	mark = pkg_length(w);
	writer_bytes(w, name, 4);
	return mark;
}

void aml_name(struct writer *w, const char name[static 4])
{
	writer_u8(w, NAME_OP);
	writer_bytes(w, name, 4);
}

void aml_string(struct writer *w, const char *text)
{
	writer_u8(w, STRING_PREFIX);
	writer_bytes(w, text, strlen(text) + 1);
}

void aml_byte(struct writer *w, uint8_t v)
{
	writer_u8(w, BYTE_PREFIX);
	writer_u8(w, v);
}

void aml_dword(struct writer *w, uint32_t v)
{
	writer_u8(w, DWORD_PREFIX);
	writer_u32(w, v);
}

/* Buffer (size) { descriptors }: the size is a WordConst that aml_resources_end fills in. */
size_t aml_resources(struct writer *w)
{
	size_t mark;

	aml_name(w, "_CRS");
	writer_u8(w, BUFFER_OP);
	mark = pkg_length(w);
	writer_u8(w, WORD_PREFIX);
	writer_u16(w, 0);
	return mark;
}

void aml_io(struct writer *w, uint16_t port, uint8_t len)
{
	writer_u8(w, 0x47); /* I/O port descriptor, 6.4.2.5 */
	writer_u8(w, 1);    /* decodes 16 bits */
	writer_u16(w, port);
	writer_u16(w, port);
	writer_u8(w, 1); /* alignment */
	writer_u8(w, len);
}

void aml_memory32(struct writer *w, uint32_t base, uint32_t len)
{
	writer_u8(w, 0x86); /* 32-bit fixed memory range, 6.4.3.4 */
	writer_u16(w, 9);
	writer_u8(w, 1); /* writable */
	writer_u32(w, base);
	writer_u32(w, len);
}

void aml_interrupt(struct writer *w, uint32_t gsi)
{
	writer_u8(w, 0x89); /* extended interrupt, 6.4.3.6 */
	writer_u16(w, 6);
	writer_u8(w, 3); /* consumer, edge; active high and exclusive are 0 */
	writer_u8(w, 1);
	writer_u32(w, gsi);
}

void aml_resources_end(struct writer *w, size_t mark)
{
	size_t start = mark + PKG_LENGTH_BYTES + 3, len;

	writer_u8(w, 0x79); /* end tag, 6.4.2.9: checksum 0 stands for "right" */
	writer_u8(w, 0);
	if (w->bad)
		return;
	len = w->len - start;
	w->data[start - 2] = (uint8_t)len;
	w->data[start - 1] = (uint8_t)(len >> 8);
	aml_end(w, mark);
}
