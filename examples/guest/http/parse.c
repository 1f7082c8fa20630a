/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <string.h>

static bool is_token(unsigned char c)
{
	return c > 32 && c < 127 && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 32) : c;
}

bool fn_is(struct fn_str s, const char *word)
{
	size_t i = 0;

	for (; i < s.len && word[i]; i++) {
		if (lower((unsigned char)s.at[i]) != lower((unsigned char)word[i]))
			return false;
	}
	return i == s.len && !word[i];
}

struct fn_str fn_header(const struct fn_request *request, const char *name)
{
	for (uint32_t i = 0; i < request->n_headers; i++) {
		if (fn_is(request->header[i].name, name))
			return request->header[i].value;
	}
	return (struct fn_str){ NULL, 0 };
}

/* The first line in bytes[0, len) without its end; *next is what follows. A bare LF ends a line too (RFC 9112 §2.2);
 * a CR anywhere else does not. */
static bool take_line(const char *bytes, size_t len, struct fn_str *line, size_t *next)
{
	const char *end = memchr(bytes, '\n', len);

	if (!end)
		return false;
	*line = (struct fn_str){ bytes, (size_t)(end - bytes) };
	*next = line->len + 1;
	if (line->len && end[-1] == '\r')
		line->len--;
	return true;
}

/* What comes before `c`, which is taken too. */
static bool take_until(struct fn_str *s, char c, struct fn_str *out)
{
	const char *at = s->len ? memchr(s->at, c, s->len) : NULL;

	if (!at)
		return false;
	*out = (struct fn_str){ s->at, (size_t)(at - s->at) };
	s->at = at + 1;
	s->len -= out->len + 1;
	return true;
}

static struct fn_str trim(struct fn_str s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s = (struct fn_str){ s.at + 1, s.len - 1 };
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool all_tokens(struct fn_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token((unsigned char)s.at[i]))
			return false;
	}
	return s.len;
}

static bool all_visible(struct fn_str s, unsigned char least)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if ((c < least && c != '\t') || c == 127)
			return false;
	}
	return true;
}

static int request_line(struct fn_str line, struct http_head *head)
{
	struct fn_request *r = &head->request;
	struct fn_str target;

	if (!take_until(&line, ' ', &r->method) || !all_tokens(r->method) || !take_until(&line, ' ', &target))
		return -400;
	if (!target.len || !all_visible(target, 33))
		return -400;
	if (line.len != 8 || memcmp(line.at, "HTTP/1.", 7) || (line.at[7] != '0' && line.at[7] != '1'))
		return -505;
	head->keep_alive = line.at[7] == '1';
	head->is_1_0 = !head->keep_alive;
	if (!take_until(&target, '?', &r->path)) {
		r->path = target;
		return 0;
	}
	r->query = target;
	return 0;
}

static int decimal(struct fn_str s, uint64_t *out)
{
	*out = 0;
	if (!s.len || s.len > 18)
		return -400;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return -400;
		*out = *out * 10 + (uint64_t)(s.at[i] - '0');
	}
	return *out > HTTP_BODY_MAX ? -413 : 0;
}

static void connection(struct http_head *head, struct fn_str value)
{
	struct fn_str word;
	bool more = true;

	while (more) {
		more = take_until(&value, ',', &word);
		word = trim(more ? word : value);
		if (fn_is(word, "close"))
			head->keep_alive = false;
		else if (fn_is(word, "keep-alive"))
			head->keep_alive = true;
	}
}

struct seen {
	bool length, host;
};

static int header(struct http_head *head, struct fn_str name, struct fn_str value, struct seen *seen)
{
	if (fn_is(name, "content-length")) {
		if (seen->length)
			return -400;
		seen->length = true;
		return decimal(value, &head->body);
	}
	if (fn_is(name, "transfer-encoding")) {
		if (head->chunked)
			return -400;
		head->chunked = true;
		return fn_is(value, "chunked") ? 0 : -501;
	}
	if (fn_is(name, "host")) {
		if (seen->host)
			return -400;
		seen->host = true;
	} else if (fn_is(name, "connection")) {
		connection(head, value);
	} else if (fn_is(name, "expect")) {
		if (!fn_is(value, "100-continue"))
			return -417;
		head->expects_continue = !head->is_1_0;
	}
	return 0;
}

static int header_line(struct http_head *head, struct fn_str line, struct seen *seen)
{
	struct fn_request *r = &head->request;
	struct fn_str name, value;

	/* no space before the colon and no folded line: token characters only */
	if (!take_until(&line, ':', &name) || !all_tokens(name))
		return -400;
	value = trim(line);
	if (!all_visible(value, 32))
		return -400;
	if (r->n_headers == FN_HEADERS)
		return -431;
	r->header[r->n_headers++] = (struct fn_header){ name, value };
	return header(head, name, value, seen);
}

/* All but the array of headers, which is most of it. */
static void clear(struct http_head *head, const char *bytes)
{
	struct fn_request *r = &head->request;

	r->method = r->path = r->query = (struct fn_str){ NULL, 0 };
	r->n_headers = 0;
	r->body = NULL;
	r->body_len = 0;
	head->bytes = bytes;
	head->length = 0;
	head->body = 0;
	head->chunked = head->keep_alive = head->is_1_0 = head->expects_continue = false;
}

int http_parse_head(const char *bytes, size_t len, struct http_head *head)
{
	size_t most = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX, at = 0, next;
	struct seen seen = { 0 };
	struct fn_str line;
	int rc;

	clear(head, bytes);
	while (take_line(bytes + at, most - at, &line, &next)) {
		at += next;
		if (!line.len && !head->request.method.len)
			continue; /* empty lines before a request are let pass, RFC 9112 §2.2 */
		if (!line.len) {
			head->length = at;
			/* two readers could see different lengths, RFC 9112 §6.1 */
			if (head->chunked && (seen.length || head->is_1_0))
				return -400;
			return seen.host || head->is_1_0 ? 1 : -400;
		}
		rc = head->request.method.len ? header_line(head, line, &seen) : request_line(line, head);
		if (rc)
			return rc;
	}
	return len >= HTTP_HEAD_MAX ? -431 : 0;
}

enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };
enum { CHUNK_LINE = 1024 };

static int chunk_size(struct http_chunks *c, struct fn_str line)
{
	struct fn_str size;
	uint64_t left = 0;

	if (!take_until(&line, ';', &size))
		size = line;
	size = trim(size);
	if (!size.len || size.len > 8)
		return -400;
	for (size_t i = 0; i < size.len; i++) {
		unsigned char d = lower((unsigned char)size.at[i]);

		if (!((d >= '0' && d <= '9') || (d >= 'a' && d <= 'f')))
			return -400;
		left = left << 4 | (uint64_t)(d <= '9' ? d - '0' : d - 'a' + 10);
	}
	if (left + c->body > HTTP_BODY_MAX)
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
		if (!take_line(bytes + c->read, len - c->read, &line, &next))
			return len - c->read > CHUNK_LINE ? -400 : 0;
		if (next > CHUNK_LINE)
			return -400;
		c->read += next;
		if (c->read - c->body > HTTP_HEAD_MAX + HTTP_BODY_MAX)
			return -413;
		rc = chunk_line(c, line);
	}
	return rc;
}
