/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of a client while it lives: made when its first line is in, gone when its answer has left or the client
 * has. All on the loop's thread; the memory is the server's.
 *
 * Whoever takes a call (call_take, from the router) is told what happens to it by `ops`:
 *	body  bytes of the body; returns how many it took. Fewer than `len`: no more come before call_wake.
 *	end   the body is complete (also told where there is none)
 *	read  gives up to `len` bytes of a streamed answer: how many, 0: none now, call_wake follows; CALL_EOF, CALL_BROKEN
 *	gone  the last one, always: answered, or the client went away
 * Answers are given once, at any time, by call_reply or call_stream; until then the client waits. An answer that comes
 * before the body has ended makes the rest of the body be thrown away, within bounds.
 */
#ifndef FAAS_CALL_H
#define FAAS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct call;
struct http_server;

#define CALL_EOF ((ssize_t)-1)
#define CALL_BROKEN ((ssize_t)-2)

struct call_ops {
	size_t (*body)(struct call *call, const char *bytes, size_t len);
	void (*end)(struct call *call);
	ssize_t (*read)(struct call *call, char *to, size_t len);
	void (*gone)(struct call *call);
};

/* Takes it. Before the router returns, or it is answered with 404. */
void call_take(struct call *call, const struct call_ops *ops, void *user);
void *call_user(const struct call *call);

/* No byte of the body is read, and no "100 Continue" is sent, until call_go. From the router only. */
void call_hold(struct call *call);
void call_go(struct call *call);
/* There is room for the body, or something to read. */
void call_wake(struct call *call);

/* ---- the request. Texts are valid until `gone` has returned ---- */
const char *call_method(const struct call *call);
const char *call_target(const struct call *call); /* path and query as they came, always with a '/' first */
const char *call_id(const struct call *call);	  /* X-Call-Id: the client's, or one of ours */
uint64_t call_began(const struct call *call);	  /* CLOCK_MONOTONIC */
uint64_t call_start_time(const struct call *call); /* Unix time in nanoseconds */
const char *call_client(const struct call *call); /* its address, without the port */
int64_t call_body_len(const struct call *call);	  /* -1: not known yet */
/* The value of the first header of that name, or NULL. */
const char *call_header(const struct call *call, const char *name);
/*
 * The value of a query argument, decoded. 1: it is in `to`; 0: there is none, and `to` is ""; -EINVAL: it does not fit,
 * or its escapes are none.
 */
int call_argument(const struct call *call, const char *name, char *to, size_t len);
/* All headers in turn, until `each` returns false. */
void call_headers(const struct call *call, bool (*each)(void *arg, const char *name, const char *value), void *arg);
/* HTTP basic authentication: is it this user and this password? Takes as long for each wrong one. */
bool call_authorized(const struct call *call, const char *user, const char *password);

/* ---- the answer ---- */
/* bytes are copied. type NULL: text/plain. A second answer is ignored. */
void call_reply(struct call *call, unsigned int status, const char *type, const void *bytes, size_t len);
/* A line of text, which ends in a newline. */
void call_error(struct call *call, unsigned int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Additional header of the answer; before it is given. */
void call_add(struct call *call, const char *name, const char *value);
/* An answer whose bytes come from `read`. len -1: as many as come. */
void call_stream(struct call *call, unsigned int status, int64_t len);
/* Closes the client's connection without more words. */
void call_abort(struct call *call);
bool call_answered(const struct call *call);

/* For the access log: what it was about. Copied. */
void call_note(struct call *call, const char *function, const char *instance);

#endif
