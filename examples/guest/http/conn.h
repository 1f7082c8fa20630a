/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the HTTP server: server.c has the connections, waiting.c who of them waits, input.c what comes, output.c what
 * goes. One request of a connection is answered at a time; what was sent after it waits in `in`, and its bytes are given
 * back to TCP's window only when it is their turn: the window bounds what a client can make us keep, a budget what all
 * of them can.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "lwip/tcp.h"
#include "parse.h"
#include "task.h"
#include "ukvmm_fn.h"

enum conn_state {
	CONN_NONE,    /* a connection has just been made */
	CONN_NEW,     /* nothing has come yet */
	CONN_IDLE,    /* between two requests */
	CONN_HEAD,    /* a head has begun */
	CONN_BODY,    /* a head is there, its body is not */
	CONN_ANSWER,  /* a response leaves */
	CONN_TURN,    /* it would be its turn, but handle() waits for others too often already */
	CONN_HANDLED, /* handle() has its request, and waits */
	CONN_LINGER,  /* refused: what comes is thrown away until the client has seen why */
	CONN_STATES,
};

struct conn {
	struct tcp_pcb *pcb;
	struct conn *next, *prev; /* of those that wait for a request, or for handle(), the longest first */
	struct conn *restless;	  /* of those that TCP may have stopped sending for */
	enum conn_state state;
	bool closing, refused; /* ... once the response has been given to TCP; it said that the request was bad */
	bool ended, queued;    /* the client sends no more; it is in the list of restless ones */
	char *in;	       /* what came and was not used yet, len bytes */
	size_t len;
	char *store; /* where `in` is, room bytes; NULL: in a packet */
	size_t room, held; /* held: not yet given back to TCP's window */
	struct http_head *head; /* in CONN_BODY */
	struct pbuf *packet;	/* `in` is in it */
	struct task *task;	/* in CONN_HANDLED */
	struct http_chunks chunks;
	uint64_t since, moved, last; /* in this state since; bytes that came or went in it, and when the last did */
	struct fn_response response;
	size_t written;	  /* of the body, given to TCP */
	uint64_t unacked; /* bytes TCP has and the client has not */
};

/* ---- waiting.c ---- */
void conn_setup(void);
/* A number that the command line gives to that word. */
uint64_t conn_word(const char *name, uint64_t otherwise);
void conn_enter(struct conn *c, enum conn_state state);
void conn_moved(struct conn *c, size_t bytes);
/* It is in a state for longer than it may. */
bool conn_is_late(const struct conn *c);
/* http_turn is to look whether TCP sends. */
void conn_watch(struct conn *c);
/* It is going to be freed. */
void conn_forget(struct conn *c);
/* The one that has waited longest for a request; NULL: none waits for more than a second. */
struct conn *conn_longest(void);

/* The one that has waited longest in CONN_TURN, or NULL. */
struct conn *conn_first_turn(void);

/* ---- server.c ---- */
/* Answers what can be answered. False: it is to be closed. */
bool conn_serve(struct conn *c);
/* What CONN_TURN waited for is there; handle() has answered what CONN_HANDLED waited for. Not from within lwIP. */
void conn_its_turn(struct conn *c);
void conn_answered(struct conn *c, const struct fn_response *response, bool head_only);

/* ---- input.c ---- */
/* `budget`: bytes that all connections together may have waiting. */
void input_setup(size_t budget);
/* Takes a packet's bytes, which are used from within it where nothing is left of others, and answers. False: the
 * connection is to be closed. */
bool input_packet(struct conn *c, struct pbuf *p);
/* Answers the first request in `in` if it is all there. False as above. */
bool input_request(struct conn *c);
/* Gives back to TCP's window what is held. */
void input_acknowledge(struct conn *c);
void input_drop(struct conn *c);
/* The bytes of a request that is no longer in `in`. */
struct input_aside {
	char *store;
	size_t room;
	struct pbuf *packet;
};
void input_forget(struct input_aside *aside);

/* ---- output.c ---- */
/* There is room for a small response. */
bool output_ready(const struct conn *c);
/* Begins c->response; head_only: it answers a HEAD. False: TCP has no memory. */
bool output_begin(struct conn *c, bool head_only);
/* The same with an error, after which the connection ends. */
bool output_refuse(struct conn *c, int status);
bool output_continue(struct conn *c);
/* Gives TCP as much of the body as it takes. True: it needs no more, and the response was released. */
bool output_more(struct conn *c);
void output_release(struct conn *c);
/* Sends what TCP holds back because the client's window is smaller than a segment; true if it still does. */
bool output_stalled(struct conn *c);

#endif
