/* SPDX-License-Identifier: Apache-2.0 */
/* What upstream.c (libcurl in the loop) and exchange.c (one request) share. */
#ifndef FAAS_UPSTREAM_INTERNAL_H
#define FAAS_UPSTREAM_INTERNAL_H

#include <curl/curl.h>

#include "upstream.h"

enum {
	MAX_IDLE = 1024, /* connections that are kept */
	SPARES = 64,	 /* handles that are kept, with the options that are always the same */
};

struct upstream_socket {
	struct loop_fd watch;
	struct upstream *up;
	struct upstream_socket *next, **link;
};

struct upstream {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct loop_task soon;
	struct upstream_socket *sockets;
	CURL *spare[SPARES];
	uint32_t n_spare;
};

struct upstream_call {
	struct upstream *up;
	CURL *easy;
	const struct upstream_ops *ops;
	void *user;
	struct curl_slist *fields, *to;
	unsigned int status;
	curl_socket_t fd; /* while libcurl waits for it */
	bool begun; /* it has or had a connection */
	bool clean; /* its handle can be used again */
	bool repeatable; /* once more, on another connection to its instance */
	bool uploads, headed, too_much, read_waits, write_waits;
	char why[CURL_ERROR_SIZE];
};

/* Takes the call's handle back, tells `done`. */
void exchange_ended(struct upstream_call *call, CURLcode code);

#endif
