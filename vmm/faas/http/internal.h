/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the server, its connections and calls. */
#ifndef FAAS_HTTP_INTERNAL_H
#define FAAS_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>

#include "call.h"
#include "server.h"

enum {
	/* A request's head must fit: libmicrohttpd answers 431 or 414. */
	CONNECTION_BYTES = 32 << 10,
	ID_BYTES = 64,
	/* Of a body that nobody wants: up to here it is read and thrown away, so that the answer arrives and the
	 * connection can be used again. */
	DISCARD_BYTES = 64 << 20,
	/* A longer body is not waited for, where the answer is there before it begins. */
	DISCARD_AHEAD = 1 << 20,
	STREAM_BLOCK = 32 << 10,
};
#define DISCARD_NS 10000000000u

struct conn {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct conn *next, **link;
	struct loop_timer timer; /* no request, its head, or a body that is thrown away */
	struct loop_fd watch; /* of the client's end, call_watch; left in the loop from request to request */
	bool watched;	      /* somebody wants to know */
	int fd;
	struct call *call; /* the one that is under way */
	char client[INET6_ADDRSTRLEN];
};

enum call_stage { CALL_HEAD, CALL_BODY, CALL_ENDED };

struct call {
	struct http_server *server;
	struct conn *conn;
	const char *method;
	char *target;
	char id[ID_BYTES + 1];
	char *function, *instance;
	uint64_t began, start_time, in_bytes, out_bytes, discarded;
	int64_t body_len;
	const struct call_ops *ops;
	void *user;
	enum call_stage stage;
	bool refused, begun, held, suspended, expects, aborted, queued;
	struct MHD_Response *response;
	unsigned int status;
	struct call_field {
		char *name, *value;
	} *fields; /* of the answer */
	uint32_t n_fields;
};

struct http_server {
	struct loop *loop;
	struct http_config config;
	struct MHD_Daemon *mhd;
	struct loop_fd watch;
	struct loop_hook hook;
	struct loop_timer stall; /* when libmicrohttpd looks for clients that do nothing */
	struct conn *conns;
	int listener;
	bool draining, run;
	void (*drained)(void *arg);
	void *drained_arg;
	struct loop_task drained_task;
	struct http_counts counts;
	uint8_t random[256]; /* for ids; getrandom(2) gives so many at once, whatever happens */
	uint32_t n_random;   /* of them left, from the beginning */
};

/* head.c: 0, or the status that refuses it, and why. */
unsigned int head_check(struct call *call, const char *method, const char *version, const char **why);

/* handler.c: MHD_OPTION_URI_LOG_CALLBACK, the access handler, MHD_OPTION_NOTIFY_COMPLETED */
void *handler_line(void *arg, const char *target, struct MHD_Connection *mhd);
enum MHD_Result handler_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
	const char *version, const char *bytes, size_t *len, void **context);
void handler_completed(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code);

/* conn.c */
void conn_notify(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code);
void conn_begin(struct conn *conn, struct call *call);
void conn_head_done(struct conn *conn);
void conn_discards(struct conn *conn);
void conn_end(struct conn *conn);
void conn_look_for_end(struct conn *conn); /* while its head, or nothing, is read */
void conn_close_idle(struct http_server *server);

/* call.c */
struct call *call_new(struct conn *conn, const char *target);
void call_free(struct call *call);
void call_suspend(struct call *call);
void call_resume(struct call *call);
/* Whether the client leaves while its body is read, or while nothing of it is. */
void call_watch(struct call *call);
void call_unwatch(struct call *call);
void call_client_end(struct loop_fd *watch, uint32_t events); /* of a conn's watch */
enum MHD_Result call_queue(struct call *call);

#endif
