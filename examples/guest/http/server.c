/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a connection is answered at a time; while its response leaves, what was pipelined waits in `in`, whose
 * bytes are acknowledged to TCP only after it: the window bounds what a client can make us keep. */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "lwip/tcp.h"
#include "parse.h"

struct conn {
	struct tcp_pcb *pcb;
	char *in;
	size_t len, room, held; /* held: not yet acknowledged to TCP */
	struct http_head head;
	struct http_chunks chunks;
	bool have_head, answering, closing, ended; /* ended: the peer sends no more */
	struct fn_response response;
	size_t written;	    /* of the body, given to TCP */
	uint64_t unacked; /* bytes TCP has and the peer has not */
};

static void release(struct conn *c)
{
	if (c->answering && c->response.release)
		c->response.release(c->response.arg);
	c->answering = false;
}

static void drop(struct conn *c)
{
	release(c);
	free(c->in);
	free(c);
}

static void acknowledge(struct conn *c)
{
	while (c->held) {
		u16_t part = c->held > 0xffff ? 0xffff : (u16_t)c->held;

		tcp_recved(c->pcb, part);
		c->held -= part;
	}
}

/* ERR_ABRT if the connection had to be aborted, which lwIP's callbacks have to return. */
static err_t finish(struct conn *c)
{
	struct tcp_pcb *pcb = c->pcb;

	acknowledge(c); /* a close over what was not would be a reset */
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	tcp_err(pcb, NULL);
	drop(c);
	if (tcp_close(pcb) == ERR_OK)
		return ERR_OK;
	tcp_abort(pcb);
	return ERR_ABRT;
}

static const char *reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 413: return "Content Too Large";
	case 431: return "Request Header Fields Too Large";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return status < 500 ? "Other" : "Internal Server Error";
	}
}

static bool put_head(struct conn *c)
{
	char text[256];
	int n = snprintf(text, sizeof text,
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %lu\r\n%s\r\n", c->response.status,
		reason(c->response.status), c->response.type, (unsigned long)c->response.body_len,
		c->closing ? "Connection: close\r\n" : "");

	if (n < 0 || (size_t)n >= sizeof text || tcp_write(c->pcb, text, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return false;
	c->unacked += (uint64_t)n;
	return true;
}

/* Gives TCP as much of the body as it takes, from where it lies. */
static void put_body(struct conn *c)
{
	size_t n;

	while (c->written < c->response.body_len) {
		n = c->response.body_len - c->written;
		if (n > tcp_sndbuf(c->pcb))
			n = tcp_sndbuf(c->pcb);
		if (n > c->pcb->mss) /* whole segments, of one piece each */
			n = c->pcb->mss;
		if (!n || tcp_write(c->pcb, (const char *)c->response.body + c->written, (u16_t)n, 0) != ERR_OK)
			return;
		c->written += n;
		c->unacked += n;
	}
}

/* Takes n bytes that were used off the front of what came. */
static void consume(struct conn *c, size_t n)
{
	memmove(c->in, c->in + n, c->len - n);
	c->len -= n;
	if (c->len)
		return;
	free(c->in);
	c->in = NULL;
	c->room = 0;
}

static void begin(struct conn *c)
{
	c->response = (struct fn_response){ .status = 200, .type = "text/plain" };
	c->written = 0;
	c->answering = true;
}

static bool answer(struct conn *c)
{
	if (!put_head(c))
		return false;
	/* the body of a HEAD is only told about */
	if (fn_is(c->head.request.method, "HEAD"))
		c->written = c->response.body_len;
	put_body(c);
	return true;
}

static bool refuse(struct conn *c, int status)
{
	begin(c);
	c->head.request.method.len = 0;
	c->response.status = status;
	c->closing = true;
	return answer(c);
}

/* 1: the body is there, and *used bytes of the connection are the request; 0: not yet; negative: minus the status. */
static int body(struct conn *c, size_t *used)
{
	struct fn_request *r = &c->head.request;
	size_t have = c->len - c->head.length;
	int rc;

	r->body = c->in + c->head.length;
	if (!c->head.chunked) {
		r->body_len = c->head.body;
		*used = c->head.length + c->head.body;
		return have >= c->head.body;
	}
	rc = http_decode_chunks(&c->chunks, c->in + c->head.length, have);
	r->body_len = c->chunks.body;
	*used = c->head.length + c->chunks.read;
	return rc;
}

/* The client's next request, if it is all there. False: this connection is of no use any more. */
static bool next_request(struct conn *c)
{
	size_t used = 0;
	int rc;

	rc = http_parse_head(c->in, c->len, &c->head);
	if (rc == 1 && !c->have_head) {
		c->have_head = true;
		if (c->head.expects_continue)
			tcp_write(c->pcb, "HTTP/1.1 100 Continue\r\n\r\n", 25, TCP_WRITE_FLAG_COPY), c->unacked += 25;
	}
	if (rc == 1)
		rc = body(c, &used);
	if (rc < 0)
		return refuse(c, -rc);
	if (!rc)
		return true;
	begin(c);
	c->closing = !c->head.keep_alive;
	handle(&c->head.request, &c->response);
	if (!answer(c))
		return false;
	consume(c, used);
	c->have_head = false;
	memset(&c->chunks, 0, sizeof c->chunks);
	return true;
}

static bool answered(const struct conn *c)
{
	return c->answering && c->written == c->response.body_len && !c->unacked;
}

static err_t go_on(struct conn *c)
{
	size_t before;

	do {
		before = c->len;
		if (answered(c))
			release(c);
		if (!c->answering && c->closing)
			return finish(c);
		if (!c->answering && c->len && !next_request(c))
			return finish(c);
	} while (!c->answering && c->len && c->len != before);
	if (c->ended && !c->answering)
		return finish(c);
	if (!c->answering)
		acknowledge(c); /* a body can be larger than TCP's window */
	tcp_output(c->pcb);
	return ERR_OK;
}

static bool keep(struct conn *c, struct pbuf *p)
{
	size_t need = c->len + p->tot_len;
	char *in;

	if (need > 2u * HTTP_BODY_MAX + 2 * HTTP_HEAD_MAX)
		return false;
	if (need > c->room) {
		in = realloc(c->in, need + need / 2);
		if (!in)
			return false;
		c->in = in;
		c->room = need + need / 2;
	}
	pbuf_copy_partial(p, c->in + c->len, p->tot_len, 0);
	c->len = need;
	c->held += p->tot_len;
	return true;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct conn *c = arg;
	bool kept;

	(void)err;
	if (!p) {
		c->ended = true;
		return go_on(c);
	}
	kept = keep(c, p);
	pbuf_free(p);
	(void)pcb;
	return kept ? go_on(c) : finish(c);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct conn *c = arg;

	(void)pcb;
	c->unacked -= len;
	if (c->answering)
		put_body(c);
	return go_on(c);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	(void)pcb;
	if (((struct conn *)arg)->answering)
		put_body(arg);
	return go_on(arg);
}

static void on_err(void *arg, err_t err)
{
	(void)err;
	if (arg)
		drop(arg);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct conn *c;

	(void)arg;
	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	c = calloc(1, sizeof *c);
	if (!c)
		return ERR_MEM;
	c->pcb = pcb;
	tcp_nagle_disable(pcb);
	pcb->mss = frames_segment(pcb->mss);
	tcp_arg(pcb, c);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_err);
	tcp_poll(pcb, on_poll, 2);
	return ERR_OK;
}

bool http_listen(uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new(), *listening;

	if (!pcb || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK)
		return false;
	listening = tcp_listen(pcb);
	if (!listening)
		return false;
	tcp_accept(listening, on_accept);
	return true;
}
