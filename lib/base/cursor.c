/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

#include <endian.h>
#include <string.h>

#include "checked.h"

void reader_init(struct reader *r, const void *data, uint64_t len)
{
	*r = (struct reader){ .data = data, .len = len };
}

void reader_seek(struct reader *r, uint64_t pos)
{
	if (pos > r->len)
		r->bad = true;
	else
		r->pos = pos;
}

const void *reader_take(struct reader *r, uint64_t len)
{
	const uint8_t *p;

	if (r->bad || out_of(r->pos, len, r->len)) {
		r->bad = true;
		return NULL;
	}
	p = r->data + r->pos;
	r->pos += len;
	return p;
}

bool reader_bytes(struct reader *r, void *dst, uint64_t len)
{
	const void *p = reader_take(r, len);

	if (len && p)
		memcpy(dst, p, len);
	else
		memset(dst, 0, len);
	return !r->bad;
}

uint8_t reader_u8(struct reader *r)
{
	uint8_t v;

	reader_bytes(r, &v, sizeof v);
	return v;
}

uint16_t reader_u16(struct reader *r)
{
	uint16_t v;

	reader_bytes(r, &v, sizeof v);
	return le16toh(v);
}

uint32_t reader_u32(struct reader *r)
{
	uint32_t v;

	reader_bytes(r, &v, sizeof v);
	return le32toh(v);
}

uint64_t reader_u64(struct reader *r)
{
	uint64_t v;

	reader_bytes(r, &v, sizeof v);
	return le64toh(v);
}

void writer_init(struct writer *w, void *data, size_t cap)
{
	*w = (struct writer){ .data = data, .cap = cap };
}

static void *writer_room(struct writer *w, size_t len)
{
	uint8_t *p;

	if (w->bad || out_of(w->len, len, w->cap)) {
		w->bad = true;
		return NULL;
	}
	p = w->data + w->len;
	w->len += len;
	return p;
}

void writer_bytes(struct writer *w, const void *src, size_t len)
{
	void *p = writer_room(w, len);

	if (p && len)
		memcpy(p, src, len);
}

void writer_zero(struct writer *w, size_t len)
{
	void *p = writer_room(w, len);

	if (p && len)
		memset(p, 0, len);
}

void writer_u8(struct writer *w, uint8_t v)
{
	writer_bytes(w, &v, sizeof v);
}

void writer_u16(struct writer *w, uint16_t v)
{
	v = htole16(v);
	writer_bytes(w, &v, sizeof v);
}

void writer_u32(struct writer *w, uint32_t v)
{
	v = htole32(v);
	writer_bytes(w, &v, sizeof v);
}

void writer_u64(struct writer *w, uint64_t v)
{
	v = htole64(v);
	writer_bytes(w, &v, sizeof v);
}
