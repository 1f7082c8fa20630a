/* SPDX-License-Identifier: Apache-2.0 */
/* What upstream.c (libcurl in the loop), lanes.c (which of its handles) and exchange.c (one request) share. */
#ifndef FAAS_UPSTREAM_INTERNAL_H
#define FAAS_UPSTREAM_INTERNAL_H

#include <curl/curl.h>

#include "upstream.h"

enum {
	MAX_IDLE = 1024, /* connections that are kept while no request uses them */
	/* libcurl's own limit, which counts those in use, too: beyond it each answer would close its connection */
	MAX_OPEN = 1 << 20,
	SPARES = 64,	 /* easy handles that are kept, with the options that are always the same */
	LANES = 64,
	LANE_CALLS = 64, /* of one instance in one lane, as long as there are others */
	HOSTS_HASH = 256,
};
/* A lane but the first that has no request for so long is closed, with its connections: none so old is used again. */
#define LANE_IDLE_NS UINT64_C(5000000000)

/*
 * A multi handle of libcurl's with connections of its own. It looks at all of them with each request that ends, and
 * through those to an instance with each that begins: many are spread over several handles.
 */
struct lane {
	struct upstream *up;
	CURLM *multi; /* NULL: not made yet, or closed again */
	struct loop_timer timer, idle;
	struct loop_task soon;
	uint32_t calls;
};

/* An instance while it has requests. */
struct host {
	struct host *next;
	uint32_t calls, of_lane[LANES];
	uint32_t hash;
	char name[];
};

/* Of a connection, from its first request until it is closed. */
struct upstream_socket {
	struct loop_fd watch;
	struct lane *lane;
	bool wanted; /* libcurl waits for it */
};

struct upstream {
	struct loop *loop;
	struct lane lane[LANES];
	struct host *hosts[HOSTS_HASH];
	struct upstream_socket **socket; /* by descriptor */
	uint32_t socket_room, n_sockets, n_calls;
	CURL *spare[SPARES];
	uint32_t n_spare;
};

struct upstream_call {
	struct upstream *up;
	struct host *host;
	struct lane *lane;
	uint32_t at; /* its lane's number */
	CURL *easy;
	const struct upstream_ops *ops;
	void *user;
	struct curl_slist *fields, *to;
	unsigned int status;
	curl_socket_t fd; /* while libcurl waits for it */
	bool begun; /* it has or had a connection */
	bool clean; /* its handle can be used again */
	uint32_t repeats; /* how often it may go out once more, on another connection to its instance */
	bool uploads, headed, too_much, read_waits, write_waits;
	char why[CURL_ERROR_SIZE];
};

/* upstream.c: the handle of a lane, in the loop. 0 or -ENOMEM. */
int lane_open(struct lane *lane);
void lane_close(struct lane *lane);
/* There is none of this descriptor, or not the one that was. */
void upstream_forget_socket(struct upstream *up, curl_socket_t fd);
/* CURLOPT_CLOSESOCKETFUNCTION */
int upstream_close_socket(void *up, curl_socket_t fd);

/* lanes.c: a lane for a call to an instance, and back. 0 or -ENOMEM. */
int lane_take(struct upstream_call *call, const char *instance);
void lane_leave(struct upstream_call *call);

/* Takes the call's handle back, tells `done`. */
void exchange_ended(struct upstream_call *call, CURLcode code);

#endif
