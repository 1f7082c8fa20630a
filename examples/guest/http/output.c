/* SPDX-License-Identifier: Apache-2.0 */
/* A small response is copied and over with; a large body goes from where it lies, and stays until the client has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "guard.h"
#include "lwip/priv/tcp_priv.h"

enum { HEAD_MAX = 512, SMALL = 4096, SEGMENT = 1400, QUEUE_ROOM = 16 };

static const char *reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 204: return "No Content";
	case 304: return "Not Modified";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 413: return "Content Too Large";
	case 417: return "Expectation Failed";
	case 431: return "Request Header Fields Too Large";
	case 501: return "Not Implemented";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return status < 500 ? "Other" : "Internal Server Error";
	}
}

static bool plain(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 32 || *s == 127)
			return false;
	}
	return true;
}

/* What a function cannot have meant becomes a 500. */
static void check(struct fn_response *r)
{
	if (r->status >= 200 && r->status <= 999 && r->type && plain(r->type) && strlen(r->type) < HEAD_MAX / 2 &&
		(r->body || !r->body_len))
		return;
	if (r->release)
		r->release(r->arg);
	*r = (struct fn_response){ .status = 500, .type = "text/plain" };
}

static size_t head(const struct conn *c, char text[HEAD_MAX])
{
	const struct fn_response *r = &c->response;
	int n;

	if (r->status == 204 || r->status == 304)
		n = snprintf(text, HEAD_MAX, "HTTP/1.1 %d %s\r\n%s\r\n", r->status, reason(r->status),
			c->closing ? "Connection: close\r\n" : "");
	else
		n = snprintf(text, HEAD_MAX, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",
			r->status, reason(r->status), r->type, r->body_len, c->closing ? "Connection: close\r\n" : "");
	return n < 0 ? 0 : (size_t)n;
}

static bool put(struct conn *c, const void *bytes, size_t n, u8_t flags)
{
	if (!guard_write(c->pcb, bytes, (u16_t)n, flags))
		return false;
	c->unacked += n;
	return true;
}

bool output_ready(const struct conn *c)
{
	return tcp_sndbuf(c->pcb) >= HEAD_MAX + SMALL && tcp_sndqueuelen(c->pcb) + QUEUE_ROOM < TCP_SND_QUEUELEN;
}

bool output_begin(struct conn *c, bool head_only)
{
	struct fn_response *r = &c->response;
	char text[HEAD_MAX + SMALL];
	size_t n;

	check(r);
	c->written = 0;
	n = head(c, text);
	if (head_only || r->status == 204 || r->status == 304)
		c->written = r->body_len;
	if (c->written < r->body_len && r->body_len <= SMALL) {
		memcpy(text + n, r->body, r->body_len);
		n += r->body_len;
		c->written = r->body_len;
	}
	conn_enter(c, CONN_ANSWER);
	if (!put(c, text, n, TCP_WRITE_FLAG_COPY))
		return false;
	if (c->written == r->body_len)
		output_release(c);
	return true;
}

bool output_refuse(struct conn *c, int status)
{
	c->response = (struct fn_response){ .status = status, .type = "text/plain" };
	c->closing = c->refused = true;
	return output_begin(c, false);
}

bool output_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	return put(c, text, sizeof text - 1, 0);
}

void output_release(struct conn *c)
{
	if (c->response.release)
		c->response.release(c->response.arg);
	c->response = (struct fn_response){ 0 };
	c->written = 0;
}

bool output_more(struct conn *c)
{
	while (c->written < c->response.body_len) {
		size_t n = c->response.body_len - c->written, space = tcp_sndbuf(c->pcb);

		/* whole segments, so that each is one piece of the body */
		if (n > c->pcb->mss && c->pcb->mss >= SEGMENT)
			n = c->pcb->mss;
		if (n > 0xffff)
			n = 0xffff;
		if (n > space || !put(c, (const char *)c->response.body + c->written, n, 0))
			return false;
		c->written += n;
	}
	/* a body stays until the client has it; what was copied needs nobody */
	if (c->response.body_len && c->unacked)
		return false;
	output_release(c);
	return true;
}

bool output_stalled(struct conn *c)
{
	struct tcp_pcb *pcb = c->pcb;
	u32_t window = LWIP_MIN(pcb->snd_wnd, pcb->cwnd);

	if (!pcb->unsent || pcb->unacked || pcb->unsent->len <= window)
		return false;
	/* lwIP waits half a second and more, since its segments are of the size of others' bursts */
	if (window < SEGMENT || tcp_split_unsent_seg(pcb, (u16_t)window) != ERR_OK)
		return true;
	tcp_output(pcb);
	return false;
}
