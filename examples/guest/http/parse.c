/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <string.h>

#include "text.h"

static bool is_token(unsigned char c)
{
	return c > 32 && c < 127 && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

struct fn_str fn_header(const struct fn_request *request, const char *name)
{
	for (uint32_t i = 0; i < request->n_headers; i++) {
		if (fn_is(request->header[i].name, name))
			return request->header[i].value;
	}
	return (struct fn_str){ NULL, 0 };
}

static bool all_tokens(struct fn_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token((unsigned char)s.at[i]))
			return false;
	}
	return s.len;
}

bool http_is_token(struct fn_str s)
{
	return all_tokens(s);
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

bool http_is_value(struct fn_str s)
{
	return all_visible(s, 32);
}

static bool version(struct fn_str word, struct http_head *head)
{
	if (word.len != 8 || memcmp(word.at, "HTTP/1.", 7) || (word.at[7] != '0' && word.at[7] != '1'))
		return false;
	head->keep_alive = word.at[7] == '1';
	head->is_1_0 = !head->keep_alive;
	return true;
}

/* The reason may be missing, and the blank before it. */
static int status_line(struct fn_str line, struct http_head *head)
{
	struct fn_str first, code = line;

	if (!all_visible(line, 32) || !text_until(&code, ' ', &first) || !version(first, head))
		return -400;
	if (code.len < 3 || (code.len > 3 && code.at[3] != ' '))
		return -400;
	for (size_t i = 0; i < 3; i++) {
		if (code.at[i] < '0' || code.at[i] > '9')
			return -400;
		head->status = head->status * 10 + code.at[i] - '0';
	}
	return head->status >= 100 && head->status < 600 ? 0 : -400;
}

static int request_line(struct fn_str line, struct http_head *head)
{
	struct fn_request *r = &head->request;
	struct fn_str target;

	if (!text_until(&line, ' ', &r->method) || !all_tokens(r->method) || !text_until(&line, ' ', &target))
		return -400;
	if (!target.len || !all_visible(target, 33))
		return -400;
	if (!version(line, head))
		return -505;
	if (!text_until(&target, '?', &r->path)) {
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
	return 0;
}

static void connection(struct http_head *head, struct fn_str value)
{
	struct fn_str word;
	bool more = true;

	while (more) {
		more = text_until(&value, ',', &word);
		word = text_trim(more ? word : value);
		if (fn_is(word, "close"))
			head->keep_alive = false;
		else if (fn_is(word, "keep-alive"))
			head->keep_alive = true;
	}
}

static int content_length(struct http_head *head, struct fn_str value)
{
	int rc;

	if (head->has_length)
		return -400;
	head->has_length = true;
	rc = decimal(value, &head->body);
	return rc ? rc : !head->status && head->body > HTTP_BODY_MAX ? -413 : 0;
}

static int header(struct http_head *head, struct fn_str name, struct fn_str value, bool *has_host)
{
	if (fn_is(name, "content-length"))
		return content_length(head, value);
	if (fn_is(name, "transfer-encoding")) {
		if (head->chunked)
			return -400;
		head->chunked = true;
		return fn_is(value, "chunked") ? 0 : -501;
	}
	if (fn_is(name, "connection")) {
		connection(head, value);
	} else if (head->status) {
		return 0;
	} else if (fn_is(name, "host")) {
		if (*has_host)
			return -400;
		*has_host = true;
	} else if (fn_is(name, "expect")) {
		if (!fn_is(value, "100-continue"))
			return -417;
		head->expects_continue = !head->is_1_0;
	}
	return 0;
}

static int header_line(struct http_head *head, struct fn_str line, bool *has_host)
{
	struct fn_request *r = &head->request;
	struct fn_str name, value;

	/* no space before the colon and no folded line: token characters only */
	if (!text_until(&line, ':', &name) || !all_tokens(name))
		return -400;
	value = text_trim(line);
	if (!all_visible(value, 32))
		return -400;
	if (r->n_headers == FN_HEADERS)
		return -431;
	r->header[r->n_headers++] = (struct fn_header){ name, value };
	return header(head, name, value, has_host);
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
	head->chunked = head->keep_alive = head->is_1_0 = head->expects_continue = head->has_length = false;
	head->status = 0;
}

static int parse(const char *bytes, size_t len, struct http_head *head, int (*first_line)(struct fn_str, struct http_head *))
{
	size_t most = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX, at = 0, next;
	bool begun = false, has_host = false;
	struct fn_str line;
	int rc;

	clear(head, bytes);
	while (text_line(bytes + at, most - at, &line, &next)) {
		at += next;
		if (!line.len && !begun)
			continue; /* empty lines before a request are let pass, RFC 9112 §2.2 */
		if (!line.len) {
			head->length = at;
			/* two readers could see different lengths, RFC 9112 §6.1 */
			if (head->chunked && (head->has_length || head->is_1_0))
				return -400;
			return has_host || head->is_1_0 || head->status ? 1 : -400;
		}
		rc = begun ? header_line(head, line, &has_host) : first_line(line, head);
		if (rc)
			return rc;
		begun = true;
	}
	return len >= HTTP_HEAD_MAX ? -431 : 0;
}

int http_parse_head(const char *bytes, size_t len, struct http_head *head)
{
	return parse(bytes, len, head, request_line);
}

int http_parse_answer(const char *bytes, size_t len, struct http_head *head)
{
	int rc = parse(bytes, len, head, status_line);

	return rc < 0 ? -1 : rc;
}
