/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of a connection to somebody else: connect.c has its begin and end and what lwIP tells of it, transfer.c the bytes. */
#ifndef OUT_PEER_H
#define OUT_PEER_H

#include "lwip/ip4_addr.h"
#include "lwip/tcp.h"
#include "ukvmm_fn.h"

enum { PEER_WINDOW = 256 << 10 };

struct task;

struct fn_conn {
	struct tcp_pcb *pcb; /* NULL: it has ended */
	struct task *waits;
	int error; /* what it has ended with */
	bool open, theirs_ended, ours_ended;
	char *store; /* what came and was not received yet is store[at, at + len), of room bytes */
	size_t at, len, room;
	size_t owed;	/* received, and not yet given back to TCP's window */
	size_t unacked; /* sent, and not yet acknowledged */
};

/* 0, or why nobody may wait for it now. */
int peer_check(const struct fn_conn *c);
/* Something came of it, maybe; or -ETIMEDOUT. */
int peer_wait(struct fn_conn *c, uint64_t until);
/* Both ends have ended: lwIP says no more of it, and frees it by itself. */
void peer_detach(struct fn_conn *c);
/* Before the first is made: what all of them may keep of what came. */
void peer_budget(size_t bytes);
/* For lwIP: keeps what came. ERR_MEM: it is to ask again. */
err_t peer_take(struct fn_conn *c, struct pbuf *p);
void peer_drop(struct fn_conn *c);

/* The address of a name. */
int lookup(const char *name, ip4_addr_t *to, uint64_t until);

#endif
