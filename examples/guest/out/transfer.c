/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "lwip/priv/tcp_priv.h"
#include "peer.h"
#include "ukvmm_rt.h"
#include "wait.h"

/* Bytes that TCP keeps for us at once; what is left of its queue for the segments of one write. */
enum { SENT_MOST = 128 << 10, WRITE = 16 << 10, QUEUE_ROOM = 32, STORE_LEAST = 2048 };

static size_t budget, kept; /* bytes of stores: how many there may be, and are */

void peer_budget(size_t bytes)
{
	budget = bytes;
}

/* One of which nothing is kept gets what has come: others may wait for as long as nobody receives on them. */
static bool resize(struct fn_conn *c, size_t room)
{
	size_t more = room > c->room ? room - c->room : 0;
	char *store;

	if (c->len && (kept > budget || more > budget - kept))
		return false;
	store = malloc(room);
	if (!store)
		return false;
	if (c->len)
		memcpy(store, c->store + c->at, c->len);
	free(c->store);
	kept += room - c->room;
	c->store = store;
	c->room = room;
	c->at = 0;
	return true;
}

static bool make_room(struct fn_conn *c, size_t n)
{
	size_t need = c->len + n, room = STORE_LEAST;

	if (c->at + need <= c->room)
		return true;
	if (need <= c->room && c->at >= c->room / 2) {
		memmove(c->store, c->store + c->at, c->len);
		c->at = 0;
		return true;
	}
	while (room < need)
		room *= 2;
	return resize(c, room) || (room > need && resize(c, need));
}

err_t peer_take(struct fn_conn *c, struct pbuf *p)
{
	if (!make_room(c, p->tot_len))
		return ERR_MEM;
	pbuf_copy_partial(p, c->store + c->at + c->len, p->tot_len, 0);
	c->len += p->tot_len;
	pbuf_free(p);
	return ERR_OK;
}

void peer_drop(struct fn_conn *c)
{
	kept -= c->room;
	free(c->store);
	c->store = NULL;
	c->at = c->len = c->room = 0;
}

/* Tells the other end of the room there is again: lwIP does so from a quarter of its own window on, which is all of ours. */
static void tell(struct fn_conn *c)
{
	size_t window = c->pcb->rcv_wnd + c->owed + c->len;
	bool much = c->owed >= window / 4;

	for (u16_t part; c->owed; c->owed -= part) {
		part = c->owed > 0xffff ? 0xffff : (u16_t)c->owed;
		tcp_recved(c->pcb, part);
	}
	if (!much)
		return;
	tcp_ack_now(c->pcb);
	tcp_output(c->pcb);
}

/* What lwIP was told to ask again for is taken as soon as there is room. */
static void used(struct fn_conn *c, size_t n)
{
	c->at += n;
	c->len -= n;
	c->owed += n;
	if (!c->len)
		peer_drop(c);
	if (!c->pcb)
		return;
	if (!c->len || c->owed >= PEER_WINDOW / 8)
		tell(c);
	if (!c->len && c->pcb->refused_data)
		tcp_process_refused_data(c->pcb);
}

int64_t fn_recv(struct fn_conn *c, void *to, size_t len, uint64_t until)
{
	int rc = peer_check(c);

	if (rc)
		return rc;
	until = task_until(until);
	while (!c->len && len) {
		if (c->error || c->theirs_ended)
			return c->error;
		rc = peer_wait(c, until);
		if (rc && !c->len)
			return rc;
	}
	if (len > c->len)
		len = c->len;
	if (len)
		memcpy(to, c->store + c->at, len);
	used(c, len);
	return (int64_t)len;
}

/* How much TCP takes now. */
static size_t give(struct fn_conn *c, const char *bytes, size_t len)
{
	size_t n = c->unacked < SENT_MOST ? SENT_MOST - c->unacked : 0;

	n = n > WRITE ? WRITE : n;
	n = n > tcp_sndbuf(c->pcb) ? tcp_sndbuf(c->pcb) : n;
	n = n > len ? len : n;
	if (!n || tcp_sndqueuelen(c->pcb) + QUEUE_ROOM >= TCP_SND_QUEUELEN ||
		!guard_write(c->pcb, bytes, (u16_t)n, TCP_WRITE_FLAG_COPY))
		return 0;
	c->unacked += n;
	return n;
}

int fn_send(struct fn_conn *c, const void *bytes, size_t len, uint64_t until)
{
	const char *at = bytes;
	int rc = peer_check(c);

	if (rc)
		return rc;
	until = task_until(until);
	while (len) {
		size_t n;

		if (c->error || c->ours_ended)
			return c->error ? c->error : -EPIPE;
		n = give(c, at, len);
		at += n;
		len -= n;
		if (n && len)
			continue;
		tcp_output(c->pcb);
		if (len && (rc = peer_wait(c, until)))
			return rc;
	}
	return 0;
}

int fn_end(struct fn_conn *c)
{
	int rc = peer_check(c);

	if (rc || c->error || c->ours_ended)
		return rc ? rc : c->error;
	if (tcp_shutdown(c->pcb, 0, 1) != ERR_OK)
		return -ENOMEM;
	c->ours_ended = true;
	if (c->theirs_ended)
		peer_detach(c);
	return 0;
}
