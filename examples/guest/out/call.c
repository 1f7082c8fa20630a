/* SPDX-License-Identifier: Apache-2.0 */
/* A request, and the head of what is answered (RFC 9112). The connection is for one of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "url.h"
#include "wait.h"

enum { INTERIM_MOST = 8 };

struct text {
	char *at;
	size_t len, room;
};

static void add(struct text *t, const char *bytes, size_t n)
{
	if (t->len <= t->room && n <= t->room - t->len)
		memcpy(t->at + t->len, bytes, n);
	t->len += n;
}

static void add_word(struct text *t, const char *word)
{
	add(t, word, strlen(word));
}

static struct fn_str str(const char *word)
{
	return (struct fn_str){ word, strlen(word) };
}

/* What would make two requests of one, or say twice what is said here. */
static bool is_fine(const struct fn_header *h)
{
	static const char *const ours[] = { "host", "content-length", "connection", "transfer-encoding", "expect" };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		if (fn_is(h->name, ours[i]))
			return false;
	}
	return http_is_token(h->name) && http_is_value(h->value);
}

static bool add_headers(struct text *t, const struct fn_call *call)
{
	for (uint32_t i = 0; i < call->n_headers; i++) {
		const struct fn_header *h = &call->header[i];

		if (!is_fine(h))
			return false;
		add(t, h->name.at, h->name.len);
		add(t, ": ", 2);
		add(t, h->value.at, h->value.len);
		add(t, "\r\n", 2);
	}
	return true;
}

/* How long it is, or an error. */
static int64_t request(struct answer *a, const struct fn_call *call, const char *method, const struct url *url)
{
	struct text t = { a->bytes, 0, sizeof a->bytes };
	char length[48];

	if (!http_is_token(str(method)) || (call->body_len && !call->body))
		return -EINVAL;
	add_word(&t, method);
	add_word(&t, url->target.len && url->target.at[0] == '/' ? " " : " /");
	add(&t, url->target.at, url->target.len);
	add_word(&t, " HTTP/1.1\r\nHost: ");
	add(&t, url->authority.at, url->authority.len);
	add_word(&t, "\r\nConnection: close\r\n");
	if (!add_headers(&t, call))
		return -EINVAL;
	snprintf(length, sizeof length, "Content-Length: %zu\r\n", call->body_len);
	if (call->body_len || fn_is(str(method), "POST") || fn_is(str(method), "PUT"))
		add_word(&t, length);
	add_word(&t, "\r\n");
	return t.len > t.room ? -EMSGSIZE : (int64_t)t.len;
}

/* One head from bytes on, of which *have are there. It is looked at when a line ended: else each byte costs as much. */
static int head(struct answer *a, size_t *have)
{
	bool look = *have;
	int rc = 0;

	while (!rc) {
		int64_t n;

		if (look && (rc = http_parse_answer(a->bytes, *have, &a->head)))
			break;
		if (*have >= HTTP_HEAD_MAX)
			return -EPROTO;
		n = fn_recv(a->conn, a->bytes + *have, HTTP_HEAD_MAX - *have, a->until);
		if (n <= 0)
			return n ? (int)n : -EPROTO;
		look = memchr(a->bytes + *have, '\n', (size_t)n);
		*have += (size_t)n;
	}
	return rc < 0 ? -EPROTO : 0;
}

/* The first that is none of those that only say that another one comes. */
static int final_head(struct answer *a, size_t *have)
{
	for (int i = 0; i < INTERIM_MOST; i++) {
		int rc = head(a, have);

		if (rc || a->head.status >= 200)
			return rc;
		if (a->head.status == 101)
			return -EPROTO;
		*have -= a->head.length;
		memmove(a->bytes, a->bytes + a->head.length, *have);
	}
	return -EPROTO;
}

/* A server that answers before it has read everything, and closes, has answered. */
static int exchange(struct answer *a, const struct fn_call *call, size_t len, size_t *have)
{
	int rc = fn_send(a->conn, a->bytes, len, a->until), sent;

	if (!rc && call->body_len)
		rc = fn_send(a->conn, call->body, call->body_len, a->until);
	sent = rc;
	if (!rc || rc == -ECONNRESET)
		rc = final_head(a, have);
	return sent && rc ? sent : rc;
}

static int ask(struct answer *a, const struct fn_call *call, const char *method)
{
	struct url url;
	size_t have = 0;
	int64_t len;
	int rc;

	if (!url_read(call->url, &url))
		return -EINVAL;
	len = request(a, call, method, &url);
	if (len < 0)
		return (int)len;
	rc = fn_connect(url.host, url.port, a->until, &a->conn);
	if (!rc)
		rc = exchange(a, call, (size_t)len, &have);
	if (!rc)
		answer_begin(a, have, fn_is(str(method), "HEAD"));
	return rc;
}

int fn_call(const struct fn_call *call, struct fn_answer **answer)
{
	struct answer *a;
	int rc;

	*answer = NULL;
	if (!task_now())
		return -ENETDOWN;
	a = malloc(sizeof *a);
	if (!a)
		return -ENOMEM;
	memset(a, 0, offsetof(struct answer, bytes));
	a->until = task_until(call->until);
	rc = ask(a, call, call->method ? call->method : call->body_len ? "POST" : "GET");
	if (rc)
		fn_hang_up(&a->told);
	else
		*answer = &a->told;
	return rc;
}
