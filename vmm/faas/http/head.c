/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a request's head a proxy must not pass on, because the next one may read it differently (RFC 9112 sections
 * 2.2, 5.1, 5.2, 6.1, 6.3). libmicrohttpd is lenient there.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

struct head {
	const char *begin, *end; /* where libmicrohttpd has the head's bytes */
	const char *why;
	unsigned int lengths, encodings, hosts;
	const char *length, *encoding;
};

static bool token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr("!#$%&'*+-.^_`|~", s[i]) && !(s[i] >= '0' && s[i] <= '9') &&
			!((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z'))
			return false;
	return n > 0 && !memchr(s, 0, n);
}

static bool text(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 127)
			return false;
	return true;
}

/* A line that goes on in the next one is put together by libmicrohttpd, somewhere else than where it was read to. */
static bool folded(const struct head *h, const char *s)
{
	return s < h->begin || s >= h->end;
}

static enum MHD_Result field(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
	size_t value_len)
{
	struct head *h = arg;

	(void)kind;
	if (!token(name, name_len))
		h->why = "a header's name is not a token";
	else if (!value || !text(value, value_len))
		h->why = "a header's value has control characters";
	else if (folded(h, name) || (value_len && folded(h, value)))
		h->why = "a header goes on in the next line";
	else if (strcasecmp(name, "content-length") == 0)
		h->lengths++, h->length = value;
	else if (strcasecmp(name, "transfer-encoding") == 0)
		h->encodings++, h->encoding = value;
	else if (strcasecmp(name, "host") == 0)
		h->hosts++;
	return h->why ? MHD_NO : MHD_YES;
}

static bool digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 19;
}

static const char *framing(const struct head *h, const char *version)
{
	bool old = strcmp(version, "HTTP/1.1") != 0;

	if (h->lengths > 1)
		return "more than one Content-Length";
	if (h->lengths && h->encodings)
		return "both Content-Length and Transfer-Encoding";
	if (h->lengths && !digits(h->length))
		return "Content-Length is not a number";
	if (h->encodings && old)
		return "Transfer-Encoding before HTTP/1.1";
	if (h->encodings > 1 || (h->encodings && strcasecmp(h->encoding, "chunked") != 0))
		return "a Transfer-Encoding other than chunked";
	if (h->hosts > 1 || (!h->hosts && !old))
		return "not one Host";
	return NULL;
}

static bool target_fits(const char *target)
{
	for (const unsigned char *s = (const unsigned char *)target; *s; s++)
		if (*s <= ' ' || *s >= 127 || *s == '#' || *s == '\\')
			return false;
	return *target == '/';
}

static void take_id(struct call *call)
{
	const char *given = call_header(call, "X-Call-Id");

	if (!given || !*given || strlen(given) > ID_BYTES)
		return;
	if (strspn(given, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") == strlen(given))
		strcpy(call->id, given);
}

unsigned int head_check(struct call *call, const char *method, const char *version, const char **why)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(call->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct head h = { .begin = method, .end = method + (size ? size->header_size : 0) };
	const char *expect;

	MHD_get_connection_values_n(call->conn->mhd, MHD_HEADER_KIND, field, &h);
	*why = h.why ? h.why : framing(&h, version);
	if (!*why && !target_fits(call->target))
		*why = "the request's target is not a path";
	if (!*why && !token(method, strlen(method)))
		*why = "the method is not a token";
	if (*why)
		return 400;
	call->method = method;
	call->body_len = h.encodings ? -1 : h.lengths ? (int64_t)strtoull(h.length, NULL, 10) : 0;
	take_id(call);
	expect = call_header(call, "Expect");
	call->expects = expect && strcasecmp(expect, "100-continue") == 0;
	*why = "this Expect is not known";
	return expect && !call->expects ? 417 : 0;
}
