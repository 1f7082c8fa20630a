/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in chunks (RFC 9112 §7.1), decoded where they lie. */
#include <string.h>

#include "parse.h"
#include "text.h"

enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };
enum { CHUNK_LINE = 1024 };

static int chunk_size(struct http_chunks *c, struct fn_str line)
{
	struct fn_str size;
	uint64_t left = 0;

	if (!text_until(&line, ';', &size))
		size = line;
	size = text_trim(size);
	if (!size.len || size.len > 8)
		return -400;
	for (size_t i = 0; i < size.len; i++) {
		unsigned char d = text_lower((unsigned char)size.at[i]);

		if (!((d >= '0' && d <= '9') || (d >= 'a' && d <= 'f')))
			return -400;
		left = left << 4 | (uint64_t)(d <= '9' ? d - '0' : d - 'a' + 10);
	}
	if (!c->pieces && left + c->body > HTTP_BODY_MAX)
		return -413;
	c->left = left;
	c->state = left ? CHUNK_DATA : CHUNK_TRAILER;
	return 0;
}

static void chunk_data(struct http_chunks *c, char *bytes, size_t len)
{
	size_t n = len - c->read;

	if (n > c->left)
		n = (size_t)c->left;
	memmove(bytes + c->body, bytes + c->read, n);
	c->body += n;
	c->read += n;
	c->left -= n;
	if (!c->left)
		c->state = CHUNK_END;
}

/* One line of the framing. 1: it was the last one. */
static int chunk_line(struct http_chunks *c, struct fn_str line)
{
	switch (c->state) {
	case CHUNK_SIZE:
		return chunk_size(c, line);
	case CHUNK_END:
		c->state = CHUNK_SIZE;
		return line.len ? -400 : 0;
	default:
		return !line.len;
	}
}

int http_decode_chunks(struct http_chunks *c, char *bytes, size_t len)
{
	struct fn_str line;
	size_t next;
	int rc = 0;

	while (!rc && c->read < len) {
		if (c->state == CHUNK_DATA) {
			chunk_data(c, bytes, len);
			continue;
		}
		if (!text_line(bytes + c->read, len - c->read, &line, &next))
			return len - c->read > CHUNK_LINE ? -400 : 0;
		if (next > CHUNK_LINE)
			return -400;
		c->read += next;
		if (!c->pieces && c->read - c->body > HTTP_HEAD_MAX + HTTP_BODY_MAX)
			return -413;
		rc = chunk_line(c, line);
	}
	return rc;
}
