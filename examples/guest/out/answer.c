/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies by their length, in chunks, and up to the connection's end (RFC 9112 §6.3). */
#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_LEAST = 4096 };

void answer_begin(struct answer *a, size_t len, bool to_head)
{
	const struct http_head *h = &a->head;
	bool none = to_head || h->status == 204 || h->status == 304;

	a->told = (struct fn_answer){ h->status, h->request.n_headers, h->request.header };
	a->begin = h->length;
	a->len = len - h->length;
	a->has_end = none || h->has_length;
	a->left = none ? 0 : h->body;
	a->head.chunked = h->chunked && !none;
	a->chunks.pieces = true;
}

struct fn_str fn_answer_header(const struct fn_answer *answer, const char *name)
{
	const struct answer *a = (const struct answer *)(const void *)answer;

	return fn_header(&a->head.request, name);
}

static int64_t failed(struct answer *a, int error)
{
	a->error = error;
	return error;
}

/* What came with the head, then from the connection to where it is wanted. */
static int64_t plain(struct answer *a, char *to, size_t len)
{
	int64_t n;

	if (a->has_end && len > a->left)
		len = (size_t)a->left;
	if (!len)
		return 0;
	if (a->at < a->len) {
		n = (int64_t)(len < a->len - a->at ? len : a->len - a->at);
		memcpy(to, a->bytes + a->begin + a->at, (size_t)n);
		a->at += (size_t)n;
	} else {
		n = fn_recv(a->conn, to, len, a->until);
	}
	if (n < 0 || (!n && a->has_end))
		return failed(a, n ? (int)n : -EPROTO);
	a->left -= a->has_end ? (uint64_t)n : 0;
	return n;
}

/* More of the body, decoded at bytes[begin, begin + chunks.body): what was before it has been used. */
static int decode(struct answer *a)
{
	char *bytes = a->bytes + a->begin;
	int rc;

	a->len -= a->chunks.read;
	memmove(bytes, bytes + a->chunks.read, a->len);
	a->chunks.read = a->chunks.body = a->at = 0;
	for (;;) {
		int64_t n;

		rc = http_decode_chunks(&a->chunks, bytes, a->len);
		a->all = rc == 1;
		if (rc < 0 || a->all || a->chunks.body)
			return rc < 0 ? -EPROTO : 0;
		a->len -= a->chunks.read;
		memmove(bytes, bytes + a->chunks.read, a->len);
		a->chunks.read = 0;
		n = fn_recv(a->conn, bytes + a->len, sizeof a->bytes - a->begin - a->len, a->until);
		if (n <= 0)
			return n ? (int)n : -EPROTO;
		a->len += (size_t)n;
	}
}

static int64_t in_chunks(struct answer *a, char *to, size_t len)
{
	int rc;

	if (!len)
		return 0;
	if (a->at == a->chunks.body && !a->all) {
		rc = decode(a);
		if (rc)
			return failed(a, rc);
	}
	if (len > a->chunks.body - a->at)
		len = a->chunks.body - a->at;
	memcpy(to, a->bytes + a->begin + a->at, len);
	a->at += len;
	return (int64_t)len;
}

int64_t fn_answer_read(struct fn_answer *answer, void *to, size_t len)
{
	struct answer *a = (struct answer *)(void *)answer;

	if (a->error)
		return a->error;
	return a->head.chunked ? in_chunks(a, to, len) : plain(a, to, len);
}

/* One byte more than there may be shows that there are more; the zero has that place if there are not. */
static int grow(struct answer *a, size_t len, size_t *room, size_t most)
{
	size_t want = *room ? *room * 2 : a->has_end && a->left < most ? (size_t)a->left + 1 : BODY_LEAST;
	char *body;

	if (len < *room)
		return 0;
	if (want > most + 1)
		want = most + 1;
	body = realloc(a->body, want);
	if (!body)
		return -ENOMEM;
	a->body = body;
	*room = want;
	return 0;
}

int fn_answer_body(struct fn_answer *answer, size_t most, const char **body, size_t *len)
{
	struct answer *a = (struct answer *)(void *)answer;
	size_t room = 0;
	int64_t n;

	*len = 0;
	*body = NULL;
	if (a->body || most == SIZE_MAX)
		return -EINVAL;
	if (a->has_end && a->left > most)
		return -EMSGSIZE;
	do {
		if (*len > most)
			return -EMSGSIZE;
		if (grow(a, *len, &room, most))
			return -ENOMEM;
		n = fn_answer_read(answer, a->body + *len, room - *len);
		if (n < 0)
			return (int)n;
		*len += (size_t)n;
	} while (n);
	a->body[*len] = 0;
	*body = a->body;
	return 0;
}

void fn_hang_up(struct fn_answer *answer)
{
	struct answer *a = (struct answer *)(void *)answer;

	if (!a)
		return;
	fn_close(a->conn);
	free(a->body);
	free(a);
}
