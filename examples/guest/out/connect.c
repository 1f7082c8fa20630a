/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "guard.h"
#include "peer.h"
#include "ukvmm_rt.h"
#include "wait.h"

/* Segments that are longer wait for half a second each time that the peer's window is shorter. */
enum { SEGMENT_MOST = 16 << 10, EACH = 64 << 10, MOST = 1024, LEAST = 16, MS = 1000000 };

static uint32_t n_open, most_open;

uint64_t fn_in(uint64_t ms)
{
	return rt_now() + ms * MS;
}

int peer_check(const struct fn_conn *c)
{
	return !task_now() ? -ENETDOWN : !c ? -EINVAL : c->waits ? -EBUSY : 0;
}

int peer_wait(struct fn_conn *c, uint64_t until)
{
	bool in_time;

	c->waits = task_now();
	in_time = task_wait(until);
	c->waits = NULL;
	return in_time ? 0 : -ETIMEDOUT;
}

void peer_detach(struct fn_conn *c)
{
	struct tcp_pcb *pcb = c->pcb;

	tcp_arg(pcb, NULL);
	tcp_err(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_poll(pcb, NULL, 0);
	guard_left(pcb);
	c->pcb = NULL;
}

static err_t on_open(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct fn_conn *c = arg;

	(void)err;
	c->open = true;
	if (pcb->mss > SEGMENT_MOST)
		pcb->mss = SEGMENT_MOST;
	/* from the first acknowledgement on it is told what we keep, and no more */
	if (pcb->rcv_wnd > PEER_WINDOW)
		pcb->rcv_wnd = pcb->rcv_ann_wnd = PEER_WINDOW;
	task_wake(c->waits);
	return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct fn_conn *c = arg;

	(void)pcb;
	(void)err;
	if (p && peer_take(c, p) != ERR_OK)
		return ERR_MEM;
	c->theirs_ended = !p;
	if (c->theirs_ended && c->ours_ended)
		peer_detach(c);
	task_wake(c->waits);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct fn_conn *c = arg;

	(void)pcb;
	c->unacked -= len;
	task_wake(c->waits);
	return ERR_OK;
}

/* What TCP had no memory for is tried again. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	(void)pcb;
	task_wake(((struct fn_conn *)arg)->waits);
	return ERR_OK;
}

static void on_err(void *arg, err_t err)
{
	struct fn_conn *c = arg;

	c->pcb = NULL;
	c->error = err != ERR_RST ? -ETIMEDOUT : c->open ? -ECONNRESET : -ECONNREFUSED;
	task_wake(c->waits);
}

static int begin(struct fn_conn *c, const ip4_addr_t *to, uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new();
	err_t err;

	if (!pcb)
		return -ENOMEM;
	guard_outgoing(pcb);
	c->pcb = pcb;
	tcp_arg(pcb, c);
	tcp_err(pcb, on_err);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_poll(pcb, on_poll, 1);
	tcp_nagle_disable(pcb);
	err = tcp_connect(pcb, to, port, on_open);
	return err == ERR_OK ? 0 : err == ERR_RTE ? -EHOSTUNREACH : err == ERR_ARG || err == ERR_VAL ? -EINVAL : -ENOMEM;
}

static int open_it(struct fn_conn *c, const ip4_addr_t *to, uint16_t port, uint64_t until)
{
	int rc = begin(c, to, port);

	while (!rc && !c->open && !(rc = c->error))
		rc = peer_wait(c, until);
	return c->open ? 0 : rc;
}

static struct fn_conn *make(void)
{
	size_t memory = rt_memory_left();
	struct fn_conn *c;

	if (!most_open) {
		most_open = memory / EACH > MOST ? MOST : memory / EACH < LEAST ? LEAST : (uint32_t)(memory / EACH);
		peer_budget(memory / 8);
	}
	if (n_open >= most_open)
		return NULL;
	c = calloc(1, sizeof *c);
	n_open += c != NULL;
	return c;
}

int fn_connect(const char *host, uint16_t port, uint64_t until, struct fn_conn **conn)
{
	ip4_addr_t to;
	struct fn_conn *c;
	int rc;

	*conn = NULL;
	if (!task_now())
		return -ENETDOWN;
	if (!host || !port)
		return -EINVAL;
	until = task_until(until);
	rc = lookup(host, &to, until);
	if (rc)
		return rc;
	c = make();
	if (!c)
		return n_open >= most_open ? -EMFILE : -ENOMEM;
	rc = open_it(c, &to, port, until);
	if (rc)
		fn_close(c);
	else
		*conn = c;
	return rc;
}

static void leave(struct fn_conn *c)
{
	struct tcp_pcb *pcb = c->pcb;
	bool unread = c->len || pcb->refused_data;

	peer_detach(c);
	pcb->rcv_wnd = TCP_WND_MAX(pcb); /* else the close would be a reset */
	if (!c->open || unread || tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
}

void fn_close(struct fn_conn *c)
{
	if (!c)
		return;
	if (c->waits)
		rt_panic("fn_close of a connection that another handle() waits for");
	if (c->pcb)
		leave(c);
	peer_drop(c);
	free(c);
	n_open--;
}
