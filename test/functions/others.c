/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that asks others, as others.py tells it to. MS is how long it may take; what fails is "error N".
 *	/lookup/NAME?MS
 *	/connect/HOST/PORT?MS		connects and closes
 *	/talk/HOST/PORT?MS		sends its body, ends, and answers with all that comes back
 *	/hold/HOST/PORT?MS		connects and keeps it
 *	/held?MS			receives on that until its end: how many bytes, and their sum
 *	/echo?MS			sends its body there, and receives as much
 *	/drop				closes that
 *	/get?MS,URL			the status, how many bytes, their sum
 *	/body?MS,MOST,URL		the body
 *	/gather?MS,N,URL		calls N times, and only then reads all of them
 *	/deep				uses more stack than there is
 *	/waiting			how many requests are being answered beside this one
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ukvmm_fn.h"

enum { PIECE = 10000, GATHER_MOST = 64 };

static struct fn_conn *held;
static int waiting, setup_said;

int fn_setup(void)
{
	struct fn_conn *c;

	setup_said = fn_connect("10.9.0.1", 1, 0, &c);
	return 0;
}

struct sum {
	uint64_t bytes;
	uint32_t a, b;
};

static void add(struct sum *s, const unsigned char *at, size_t n)
{
	s->bytes += n;
	for (size_t i = 0; i < n; i++) {
		s->a = (s->a + at[i]) % 65521;
		s->b = (s->b + s->a) % 65521;
	}
}

static int connect_to(const char *where, uint64_t until, struct fn_conn **c)
{
	char host[256];
	unsigned int port;

	*c = NULL;
	return sscanf(where, "%255[^/]/%u", host, &port) == 2 ? fn_connect(host, (uint16_t)port, until, c) : -EINVAL;
}

static int64_t receive(struct fn_conn *c, uint64_t until, struct fn_response *response)
{
	static unsigned char piece[PIECE];
	struct sum s = { 0, 1, 0 };
	int64_t n;

	while ((n = fn_recv(c, piece, sizeof piece, until)) > 0)
		add(&s, piece, (size_t)n);
	if (!n)
		fn_text(response, "%lu %u", s.bytes, s.b << 16 | s.a);
	return n;
}

static int64_t talk(const char *where, const struct fn_request *r, uint64_t until, struct fn_response *response)
{
	struct fn_conn *c;
	int64_t rc = connect_to(where, until, &c);

	if (!rc)
		rc = fn_send(c, r->body, r->body_len, until);
	if (!rc)
		rc = fn_end(c);
	if (!rc && fn_send(c, "x", 1, until) != -EPIPE)
		rc = -EINVAL;
	if (!rc)
		rc = receive(c, until, response);
	fn_close(c);
	return rc;
}

static int64_t echo(const struct fn_request *r, uint64_t until, struct fn_response *response)
{
	char *back = malloc(r->body_len + 1);
	size_t have = 0;
	int64_t rc = fn_send(held, r->body, r->body_len, until);

	while (!rc && have < r->body_len) {
		int64_t n = fn_recv(held, back + have, r->body_len - have, until);

		if (n <= 0)
			rc = n ? n : -EPROTO;
		else
			have += (size_t)n;
	}
	response->body = response->arg = back;
	response->body_len = have;
	response->release = free;
	return rc;
}

static int64_t get(const char *url, uint64_t until, struct fn_response *response)
{
	static const struct fn_header agent = { { "User-Agent", 10 }, { "others", 6 } };
	struct fn_call call = { .url = url, .header = &agent, .n_headers = 1, .until = until };
	struct sum s = { 0, 1, 0 };
	struct fn_answer *answer;
	int64_t n = fn_call(&call, &answer);
	unsigned char piece[PIECE];

	if (n)
		return n;
	while ((n = fn_answer_read(answer, piece, sizeof piece)) > 0)
		add(&s, piece, (size_t)n);
	if (!n)
		fn_text(response, "%d %lu %u %.*s", answer->status, s.bytes, s.b << 16 | s.a,
			(int)fn_answer_header(answer, "x-word").len, fn_answer_header(answer, "x-word").at);
	fn_hang_up(answer);
	return n;
}

static void hang_up(void *answer)
{
	fn_hang_up(answer);
}

static int64_t body(const char *url, size_t most, const struct fn_request *r, uint64_t until, struct fn_response *response)
{
	struct fn_call call = { .url = url, .body = r->body, .body_len = r->body_len, .until = until };
	struct fn_answer *answer;
	int64_t rc = fn_call(&call, &answer);

	if (!rc)
		rc = fn_answer_body(answer, most, (const char **)&response->body, &response->body_len);
	if (rc) {
		fn_hang_up(answer);
		return rc;
	}
	response->release = hang_up;
	response->arg = answer;
	return 0;
}

static int64_t gather(const char *url, size_t n, uint64_t until, struct fn_response *response)
{
	struct fn_call call = { .url = url, .until = until };
	struct fn_answer *answer[GATHER_MOST] = { NULL };
	struct sum s = { 0, 1, 0 };
	unsigned char piece[PIECE];
	int64_t rc = n > GATHER_MOST ? -EINVAL : 0;

	for (size_t i = 0; !rc && i < n; i++)
		rc = fn_call(&call, &answer[i]);
	for (size_t i = 0; !rc && i < n; i++) {
		while ((rc = fn_answer_read(answer[i], piece, sizeof piece)) > 0)
			add(&s, piece, (size_t)rc);
	}
	for (size_t i = 0; i < n && i < GATHER_MOST; i++)
		fn_hang_up(answer[i]);
	if (!rc)
		fn_text(response, "%lu %u", s.bytes, s.b << 16 | s.a);
	return rc;
}

static int64_t lookup(const char *name, uint64_t until, struct fn_response *response)
{
	uint8_t a[4];
	int rc = fn_lookup(name, a, until);

	if (!rc)
		fn_text(response, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
	return rc;
}

static __attribute__((noinline)) size_t deep(size_t bytes)
{
	volatile char frame[1024];

	frame[bytes % sizeof frame] = 1;
	return bytes ? deep(bytes - sizeof frame) + (size_t)frame[bytes % sizeof frame] : 0;
}

static int64_t brief(const char *what, uint64_t until, struct fn_response *response)
{
	struct fn_conn *c;
	int64_t rc = 0;

	if (!strncmp(what, "connect/", 8)) {
		rc = connect_to(what + 8, until, &c);
		fn_close(c);
	} else if (!strncmp(what, "hold/", 5)) {
		rc = connect_to(what + 5, until, &held);
	} else if (!strcmp(what, "drop")) {
		fn_close(held);
		held = NULL;
	} else if (!strcmp(what, "setup")) {
		rc = setup_said;
	} else if (!strcmp(what, "deep")) {
		fn_text(response, "%zu", deep(132 << 10));
		return 0;
	} else if (!strcmp(what, "waiting")) {
		fn_text(response, "%d", waiting - 1);
		return 0;
	} else {
		return -ENOENT;
	}
	if (!rc)
		fn_text(response, "done");
	return rc;
}

static int64_t obey(const struct fn_request *r, struct fn_response *response)
{
	char what[300], query[1100], *url;
	unsigned long ms, most;
	uint64_t until;

	snprintf(what, sizeof what, "%.*s", (int)r->path.len - 1, r->path.at + 1);
	snprintf(query, sizeof query, "%.*s", (int)r->query.len, r->query.at ? r->query.at : "");
	ms = strtoul(query, &url, 10);
	until = ms ? fn_in(ms) : 0;
	url += *url == ',';
	if (!strncmp(what, "lookup/", 7))
		return lookup(what + 7, until, response);
	if (!strncmp(what, "talk/", 5))
		return talk(what + 5, r, until, response);
	if (!strcmp(what, "held"))
		return receive(held, until, response);
	if (!strcmp(what, "echo"))
		return echo(r, until, response);
	if (!strcmp(what, "get"))
		return get(url, until, response);
	if (strcmp(what, "body") && strcmp(what, "gather"))
		return brief(what, until, response);
	most = strtoul(url, &url, 10);
	if (!strcmp(what, "gather"))
		return gather(url + 1, most, until, response);
	return body(url + 1, most, r, until, response);
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	int64_t rc;

	waiting++;
	rc = obey(request, response);
	waiting--;
	if (rc)
		fn_text(response, "error %ld", -rc);
}
