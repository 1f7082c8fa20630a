/* SPDX-License-Identifier: Apache-2.0 */
/* The connections: lwIP's callbacks, who waits for what and for how long. */
#include "server.h"

#include <stdlib.h>

#include "conn.h"
#include "frames.h"
#include "guard.h"
#include "ukvmm_rt.h"

enum { CONNECTIONS_LEAST = 64, CONNECTIONS_MOST = 16384, EACH = 8 << 10, KIB_NS = 1000000000 };

static struct {
	struct conn *first, *last; /* CONN_NEW and CONN_IDLE */
	struct conn *restless;
	uint64_t patience[CONN_STATES]; /* ns */
} server;

static bool waits(enum conn_state state)
{
	return state == CONN_NEW || state == CONN_IDLE;
}

static void list(struct conn *c)
{
	c->next = NULL;
	c->prev = server.last;
	*(c->prev ? &c->prev->next : &server.first) = c;
	server.last = c;
}

static void unlist(struct conn *c)
{
	*(c->prev ? &c->prev->next : &server.first) = c->next;
	*(c->next ? &c->next->prev : &server.last) = c->prev;
}

void conn_enter(struct conn *c, enum conn_state state)
{
	if (waits(c->state))
		unlist(c);
	c->state = state;
	c->since = c->last = rt_now();
	c->moved = 0;
	if (waits(state))
		list(c);
}

void conn_moved(struct conn *c, size_t bytes)
{
	c->moved += bytes;
	c->last = rt_now();
}

static void queue(struct conn *c)
{
	if (c->queued)
		return;
	c->queued = true;
	c->restless = server.restless;
	server.restless = c;
}

static void unqueue(struct conn *c)
{
	struct conn **at = &server.restless;

	while (c->queued && *at != c)
		at = &(*at)->restless;
	if (c->queued)
		*at = c->restless;
	c->queued = false;
}

static void drop(struct conn *c)
{
	if (waits(c->state))
		unlist(c);
	unqueue(c);
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

bool conn_serve(struct conn *c)
{
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
	if (!c->len || output_ready(c))
		input_acknowledge(c);
	return !c->ended || (c->len && !output_ready(c));
}

static err_t settle(struct conn *c, bool alive)
{
	if (!alive)
		return finish(c);
	if (c->state == CONN_ANSWER)
		queue(c);
	return ERR_OK;
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

/* A body has to go on, and by a KiB a second on the whole. */
static bool is_late(const struct conn *c)
{
	uint64_t now = rt_now(), may = server.patience[c->state];

	if (c->state != CONN_BODY && c->state != CONN_ANSWER)
		return now - c->since > may;
	return now - c->last > may || now - c->since > may + c->moved / 1024 * KIB_NS;
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	struct conn *c = arg;

	if (!is_late(c))
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
	c->since = c->last = rt_now();
	list(c);
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
	if (server.first)
		finish(server.first);
}

static uint64_t word(const char *name, uint64_t otherwise)
{
	const char *text = rt_arg(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void setup(struct tcp_pcb *listening)
{
	size_t memory = rt_memory_left();
	uint64_t most = memory / EACH, ms = 1000000;

	most = most < CONNECTIONS_LEAST ? CONNECTIONS_LEAST : most > CONNECTIONS_MOST ? CONNECTIONS_MOST : most;
	guard_listen(listening, (uint32_t)word("http.connections", most), make_room);
	input_setup(memory / 4);
	server.patience[CONN_NEW] = server.patience[CONN_IDLE] = word("http.idle", 60000) * ms;
	server.patience[CONN_HEAD] = word("http.head", 10000) * ms;
	server.patience[CONN_BODY] = server.patience[CONN_ANSWER] = word("http.stall", 10000) * ms;
	server.patience[CONN_LINGER] = 2000 * ms;
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

void http_turn(void)
{
	struct conn *next;

	for (struct conn *c = server.restless; c; c = next) {
		next = c->restless;
		if (c->state != CONN_ANSWER || !output_stalled(c))
			unqueue(c);
	}
}
