/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a hostile server to the function runtime's HTTP call, whole and in pieces: what is said of an answer is
 * inside of it, a body that is read in other pieces is the same body, and an error stays one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "ukvmm_fn.h"
#include "url.h"
#include "wait.h"

enum { HEAD_CALL = 1, FEW = 2, ENDS_BADLY = 4, MOST = 100000 };

static const char *answer_bytes;
static size_t answer_len, at, piece;
static bool ends_badly;
static int open_connections;

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* ---- what is below the call ---- */

struct task *task_now(void)
{
	return (struct task *)&open_connections;
}

uint64_t task_until(uint64_t until)
{
	return until;
}

int fn_connect(const char *host, uint16_t port, uint64_t until, struct fn_conn **conn)
{
	(void)until;
	check(strlen(host) < 256 && port);
	open_connections++;
	*conn = (struct fn_conn *)&at;
	return 0;
}

int fn_send(struct fn_conn *conn, const void *bytes, size_t len, uint64_t until)
{
	(void)conn;
	(void)until;
	check(!memchr(bytes, 0, len));
	return 0;
}

int64_t fn_recv(struct fn_conn *conn, void *to, size_t len, uint64_t until)
{
	size_t n = answer_len - at;

	(void)conn;
	(void)until;
	check(len);
	if (!n)
		return ends_badly ? -ECONNRESET : 0;
	n = n < len ? n : len;
	n = n < piece ? n : piece;
	memcpy(to, answer_bytes + at, n);
	at += n;
	return (int64_t)n;
}

void fn_close(struct fn_conn *conn)
{
	open_connections -= conn != NULL;
}

/* ---- ---- */

struct body {
	int error, status;
	uint32_t n_headers;
	size_t len;
	char bytes[MOST];
};

static void inside(struct fn_str s)
{
	volatile uint32_t sum = 0;

	for (size_t i = 0; i < s.len; i++)
		sum += (unsigned char)s.at[i];
}

static void look(const struct fn_answer *a)
{
	check(a->status >= 200 && a->status < 600 && a->n_headers <= FN_HEADERS);
	for (uint32_t i = 0; i < a->n_headers; i++) {
		check(a->header[i].name.len);
		inside(a->header[i].name);
		inside(a->header[i].value);
	}
}

static void read_all(struct fn_answer *a, struct body *b, size_t most)
{
	int64_t n = 1;

	while (n > 0 && b->len < MOST) {
		size_t want = MOST - b->len < most ? MOST - b->len : most;

		n = fn_answer_read(a, b->bytes + b->len, want);
		check(n <= (int64_t)want);
		b->len += n > 0 ? (size_t)n : 0;
	}
	b->error = n < 0 ? (int)n : 0;
	if (n <= 0)
		check(fn_answer_read(a, b->bytes, 1) == n);
}

static void call(struct body *b, uint8_t how, size_t pieces, size_t most)
{
	struct fn_call call = { .url = "http://h/", .method = how & HEAD_CALL ? "HEAD" : NULL };
	struct fn_answer *a;

	at = 0;
	piece = pieces;
	b->len = 0;
	b->status = 0;
	b->error = fn_call(&call, &a);
	check(!b->error == (a != NULL));
	if (a) {
		b->status = a->status;
		b->n_headers = a->n_headers;
		look(a);
		read_all(a, b, most);
		look(a);
		fn_hang_up(a);
	}
	check(!open_connections);
}

/* In memory: the same bytes, or too many of them. */
static void in_memory(const struct body *b, uint8_t how, size_t most)
{
	struct fn_call call = { .url = "http://h/", .method = how & HEAD_CALL ? "HEAD" : NULL };
	struct fn_answer *a;
	const char *body;
	size_t len;
	int rc;

	at = 0;
	check(fn_call(&call, &a) == 0);
	rc = fn_answer_body(a, most, &body, &len);
	if (!rc)
		check(len == b->len && len <= most && !memcmp(body, b->bytes, len) && !body[len]);
	else
		check(rc == -EMSGSIZE || rc == b->error);
	if (rc == -EMSGSIZE && !b->error)
		check(b->len > most);
	fn_hang_up(a);
	check(!open_connections);
}

static void url(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	struct url u;

	check(text);
	memcpy(text, data, len);
	text[len] = 0;
	if (url_read(text, &u)) {
		check(u.port && u.host[0] && strlen(u.host) <= u.authority.len);
		check(u.authority.at + u.authority.len == u.target.at && u.target.at + u.target.len == text + strlen(text));
		for (size_t i = 0; text[i]; i++)
			check(text[i] > ' ' && text[i] <= '~');
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct body whole, parts;

	if (len < 3)
		return 0;
	answer_bytes = (const char *)data + 3;
	answer_len = len - 3;
	ends_badly = data[0] & ENDS_BADLY;
	call(&whole, data[0], SIZE_MAX, MOST);
	call(&parts, data[0], data[0] & FEW ? 1 : data[1] + 1u, data[2] + 1u);
	check(whole.status == parts.status);
	check(!whole.status || (whole.error == parts.error && whole.n_headers == parts.n_headers));
	/* what came before a mistake has been read or has not, as it happens to arrive */
	check(whole.len == parts.len || whole.error);
	check(!memcmp(whole.bytes, parts.bytes, whole.len < parts.len ? whole.len : parts.len));
	if (whole.status && whole.len < MOST)
		in_memory(&whole, data[0], data[1] * 16u);
	url(data, len);
	return 0;
}
