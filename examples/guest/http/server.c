/* SPDX-License-Identifier: Apache-2.0 */
/* The connections, as lwIP tells of them. */
#include "server.h"

#include <stdlib.h>

#include "conn.h"
#include "frames.h"
#include "guard.h"
#include "net.h"
#include "ukvmm_rt.h"

enum { CONNECTIONS_LEAST = 64, CONNECTIONS_MOST = 16384, EACH = 8 << 10 };

static void drop(struct conn *c)
{
	conn_forget(c);
	if (c->task)
		tasks()->forget(c->task);
	output_release(c);
	input_drop(c);
	free(c->head);
	free(c);
}

/* ERR_ABRT if it had to be aborted, which lwIP's callbacks have to return. */
static err_t finish(struct conn *c)
{
	struct tcp_pcb *pcb = c->pcb;

	input_acknowledge(c);
	pcb->rcv_wnd = TCP_WND_MAX(pcb); /* else the close would be a reset */
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	tcp_err(pcb, NULL);
	guard_left(pcb);
	drop(c);
	if (tcp_close(pcb) == ERR_OK)
		return ERR_OK;
	tcp_abort(pcb);
	return ERR_ABRT;
}

/* The response is with TCP. A client that still sends would answer a close with a reset, and not read the response. */
static bool linger(struct conn *c)
{
	if (c->ended || !(c->refused || c->len))
		return false;
	input_drop(c);
	conn_enter(c, CONN_LINGER);
	return tcp_shutdown(c->pcb, 0, 1) == ERR_OK;
}

static bool is_handled(const struct conn *c)
{
	return c->state == CONN_TURN || c->state == CONN_HANDLED;
}

bool conn_serve(struct conn *c)
{
	if (is_handled(c))
		return true;
	while (c->state != CONN_LINGER) {
		if (c->state == CONN_ANSWER) {
			if (!output_more(c))
				return true;
			if (c->closing)
				return linger(c);
			conn_enter(c, CONN_IDLE);
		}
		if (!c->len || !output_ready(c))
			break;
		if (!input_request(c))
			return false;
		if (c->state != CONN_ANSWER)
			break; /* more bytes are needed */
	}
	if (is_handled(c))
		return true;
	if (!c->len || output_ready(c))
		input_acknowledge(c);
	return !c->ended || (c->len && !output_ready(c));
}

static err_t settle(struct conn *c, bool alive)
{
	if (!alive)
		return finish(c);
	if (c->state == CONN_ANSWER)
		conn_watch(c);
	return ERR_OK;
}

void conn_its_turn(struct conn *c)
{
	struct tcp_pcb *pcb = c->pcb;

	if (is_handled(c))
		conn_enter(c, c->head ? CONN_BODY : CONN_IDLE);
	if (!conn_serve(c)) {
		finish(c);
		return;
	}
	settle(c, true);
	tcp_output(pcb);
}

void conn_answered(struct conn *c, const struct fn_response *response, bool head_only)
{
	c->task = NULL;
	c->response = *response;
	if (output_begin(c, head_only))
		conn_its_turn(c);
	else
		finish(c);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct conn *c = arg;
	bool alive;

	(void)pcb;
	(void)err;
	if (!p) {
		c->ended = true;
		return c->state == CONN_LINGER ? finish(c) : settle(c, conn_serve(c));
	}
	alive = input_packet(c, p);
	pbuf_free(p);
	return settle(c, alive);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct conn *c = arg;

	(void)pcb;
	c->unacked -= len;
	conn_moved(c, len);
	return settle(c, conn_serve(c));
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	struct conn *c = arg;

	if (c->state == CONN_TURN)
		net_wake(0); /* where it was for want of memory that it waits, nobody else says when */
	if (!conn_is_late(c))
		return settle(c, conn_serve(c));
	if (c->state == CONN_HEAD || c->state == CONN_BODY)
		return settle(c, output_ready(c) && output_refuse(c, 408) && conn_serve(c));
	if (c->state != CONN_ANSWER)
		return finish(c);
	tcp_abort(pcb); /* which calls on_err */
	return ERR_ABRT;
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
	conn_enter(c, CONN_NEW);
	guard_opened(pcb);
	tcp_nagle_disable(pcb);
	pcb->mss = frames_segment(pcb->mss);
	tcp_arg(pcb, c);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_err);
	tcp_poll(pcb, on_poll, 1);
	return ERR_OK;
}

/* The connection that has waited longest for a request gives way to a new one. */
static void make_room(void)
{
	struct conn *c = conn_longest();

	if (c)
		finish(c);
}

static void setup(struct tcp_pcb *listening)
{
	size_t memory = rt_memory_left();
	uint64_t most = memory / EACH;

	most = most < CONNECTIONS_LEAST ? CONNECTIONS_LEAST : most > CONNECTIONS_MOST ? CONNECTIONS_MOST : most;
	guard_listen(listening, (uint32_t)conn_word("http.connections", most), make_room);
	input_setup(memory / 4);
	conn_setup();
}

bool http_listen(uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new(), *listening;

	if (!pcb || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK)
		return false;
	listening = tcp_listen(pcb);
	if (!listening)
		return false;
	setup(listening);
	tcp_accept(listening, on_accept);
	return true;
}
