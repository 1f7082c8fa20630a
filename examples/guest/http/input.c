/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "guard.h"

/* A body in chunks is not much longer than what is in them (http_decode_chunks). */
enum { INPUT_MAX = 2 * HTTP_BODY_MAX + 2 * HTTP_HEAD_MAX, EARNEST = 64 << 10 };

static size_t budget, kept; /* bytes of stores: how many there may be, and are */

void input_setup(size_t bytes)
{
	budget = bytes;
}

static bool resize(struct conn *c, size_t room)
{
	char *store = NULL;

	if (room > c->room && room - c->room > budget - kept)
		return false;
	if (room) {
		store = malloc(room);
		if (!store)
			return false;
		if (c->len)
			memcpy(store, c->in, c->len);
	}
	kept += room;
	kept -= c->room;
	free(c->store);
	c->store = c->in = store;
	c->room = room;
	return true;
}

/* How large a store is made for `need` bytes: for all of a body whose length is known once some of it is there. */
static size_t generous(const struct conn *c, size_t need)
{
	size_t whole = c->head && !c->head->chunked ? c->head->length + (size_t)c->head->body : 0;

	if (c->len >= EARNEST && whole >= need)
		return whole;
	return need < 1024 ? need : need + need / 2;
}

/* Room behind `in` for n bytes more; what was used of the store before it goes first. */
static bool make_room(struct conn *c, size_t n)
{
	size_t used = c->store ? (size_t)(c->in - c->store) : 0, need = c->len + n;

	if (c->store && used + need <= c->room)
		return true;
	if (c->store && need <= c->room && used >= c->room / 2) {
		memmove(c->store, c->in, c->len);
		c->in = c->store;
		return true;
	}
	return resize(c, generous(c, need));
}

void input_drop(struct conn *c)
{
	kept -= c->room;
	free(c->store);
	c->in = c->store = NULL;
	c->len = c->room = 0;
}

void input_forget(struct input_aside *aside)
{
	kept -= aside->room;
	free(aside->store);
	if (aside->packet)
		pbuf_free(aside->packet);
	*aside = (struct input_aside){ NULL, 0, NULL };
}

void input_acknowledge(struct conn *c)
{
	while (c->held) {
		u16_t part = c->held > 0xffff ? 0xffff : (u16_t)c->held;

		tcp_recved(c->pcb, part);
		c->held -= part;
	}
}

static void use(struct conn *c, size_t n)
{
	c->in += n;
	c->len -= n;
	if (!c->len)
		input_drop(c);
}

/* 1: the body is there, and *used bytes of `in` are the request; 0: not yet; negative: minus the status. */
static int body(struct conn *c, struct http_head *head, size_t *used)
{
	struct fn_request *r = &head->request;
	char *at = c->in + head->length;
	size_t have = c->len - head->length;
	int rc = have >= head->body;

	r->body_len = head->body;
	*used = head->length + head->body;
	if (head->chunked) {
		rc = http_decode_chunks(&c->chunks, at, have);
		r->body_len = c->chunks.body;
		*used = head->length + c->chunks.read;
	}
	r->body = at;
	return rc;
}

static void move(struct fn_str *s, const char *from, const char *to)
{
	if (s->at)
		s->at = to + ((uintptr_t)s->at - (uintptr_t)from);
}

/* The head points into bytes which may have moved since it was read. */
static void rebase(struct http_head *head, const char *to)
{
	struct fn_request *r = &head->request;

	move(&r->method, head->bytes, to);
	move(&r->path, head->bytes, to);
	move(&r->query, head->bytes, to);
	for (uint32_t i = 0; i < r->n_headers; i++) {
		move(&r->header[i].name, head->bytes, to);
		move(&r->header[i].value, head->bytes, to);
	}
	head->bytes = to;
}

/* The first `used` bytes stay where they are: handle() has pointers to them. */
static bool set_aside(struct conn *c, size_t used, struct input_aside *aside)
{
	const char *rest = c->in + used;
	size_t n = c->len - used;

	*aside = (struct input_aside){ c->store, c->room, c->store ? NULL : c->packet };
	if (aside->packet)
		pbuf_ref(aside->packet);
	c->store = c->in = NULL;
	c->len = c->room = 0;
	if (!n)
		return true;
	if (!make_room(c, n))
		return false;
	memcpy(c->in, rest, n);
	c->len = n;
	return true;
}

static bool answer(struct conn *c, struct http_head *head, size_t used)
{
	struct input_aside *aside;
	bool sent;

	c->closing = !head->keep_alive || guard_crowded();
	c->response = (struct fn_response){ .status = 200, .type = "text/plain" };
	if (tasks())
		c->task = tasks()->call(c, c->head, &c->response, &aside);
	else
		handle(&head->request, &c->response);
	if (c->task) {
		conn_enter(c, CONN_HANDLED);
		sent = set_aside(c, used, aside);
	} else {
		sent = output_begin(c, fn_is(head->request.method, "HEAD"));
		use(c, used);
	}
	free(c->head);
	c->head = NULL;
	c->chunks = (struct http_chunks){ 0 };
	return sent;
}

/* A head without its body, which is waited for. */
static bool wait_for_body(struct conn *c, struct http_head *head)
{
	if (c->head)
		return true;
	c->head = malloc(sizeof *head);
	if (!c->head)
		return output_refuse(c, 503);
	*c->head = *head;
	conn_enter(c, CONN_BODY);
	return !head->expects_continue || c->len > head->length || output_continue(c);
}

static void skip_empty_lines(struct conn *c)
{
	size_t n = 0;

	while (n < c->len && (c->in[n] == '\r' || c->in[n] == '\n'))
		n++;
	if (n)
		use(c, n);
}

bool input_request(struct conn *c)
{
	static struct http_head shared;
	struct http_head *head = tasks() ? tasks()->head() : &shared;
	size_t used = 0;
	int rc = 1;

	if (!c->head)
		skip_empty_lines(c); /* RFC 9112 §2.2, and lest they be read again with every packet */
	if (!c->len)
		return true;
	if (!head) {
		conn_enter(c, CONN_TURN);
		return true;
	}
	head = c->head ? c->head : head;
	if (c->head)
		rebase(head, c->in);
	else
		rc = http_parse_head(c->in, c->len, head);
	if (!rc && c->state != CONN_HEAD)
		conn_enter(c, CONN_HEAD);
	if (rc == 1 && (rc = body(c, head, &used)) == 0)
		return wait_for_body(c, head);
	if (rc < 0)
		return output_refuse(c, -rc);
	return !rc || answer(c, head, used);
}

/* A head without an end is not read again until a line ends: else a client could make us do that for every byte. */
static bool is_worth_it(const struct conn *c, const struct pbuf *p)
{
	return c->state != CONN_HEAD || c->len >= HTTP_HEAD_MAX || pbuf_memfind(p, "\n", 1, 0) != 0xffff;
}

/* Copies into the store what comes behind what is there, or what is in a packet (p: NULL). */
static bool keep(struct conn *c, const struct pbuf *p)
{
	size_t n = p ? p->tot_len : 0;

	if (c->len + n > INPUT_MAX || !make_room(c, n))
		return false;
	if (p)
		pbuf_copy_partial(p, c->in + c->len, p->tot_len, 0);
	c->len += n;
	return true;
}

static bool too_much(struct conn *c)
{
	return c->state < CONN_ANSWER && output_ready(c) && output_refuse(c, 503) && conn_serve(c);
}

bool input_packet(struct conn *c, struct pbuf *p)
{
	bool alive = true, inside = !c->len && !p->next;

	c->held += p->tot_len;
	conn_moved(c, p->tot_len);
	if (c->state == CONN_LINGER) {
		input_acknowledge(c);
		return true;
	}
	if (inside) {
		c->packet = p;
		c->in = p->payload;
		c->len = p->len;
	} else if (!keep(c, p)) {
		return too_much(c);
	}
	if (inside || is_worth_it(c, p))
		alive = conn_serve(c);
	if (alive && c->len && !c->store && !keep(c, NULL))
		return too_much(c);
	return alive;
}
