/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 to the outside, on libmicrohttpd, driven by the loop. What libmicrohttpd accepts and a proxy must not is
 * refused here (head.c).
 */
#ifndef FAAS_SERVER_H
#define FAAS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/error.h>

#include "loop/loop.h"

struct call;
struct http_server;

/* What is told about each request that is over. status 0: the client left, or broke HTTP, before an answer began. */
struct http_record {
	const char *client, *method, *target, *id, *function, *instance;
	unsigned int status;
	bool whole; /* the answer was sent to its end */
	uint64_t start_time, duration, in_bytes, out_bytes;
};

/*
 * route       gets each request: takes or answers it
 * record      may be NULL
 * header_ns   how long a client may take for the head of a request
 * idle_ns     how long a connection may stay without one
 * connections how many at once; more wait in the socket's queue
 */
struct http_config {
	void *arg;
	void (*route)(void *arg, struct call *call);
	void (*record)(void *arg, const struct http_record *record);
	uint64_t header_ns, idle_ns;
	uint32_t connections;
};

/* A listening socket for "ADDR:PORT" or "[V6]:PORT"; port 0: any. The fd, or negative errno. */
int http_listen(const char *where, struct ukvmm_err *err);

/* Serves a listening socket, which becomes the server's. */
int http_new(struct loop *loop, int fd, const struct http_config *config, struct http_server **out,
	struct ukvmm_err *err);
uint16_t http_port(const struct http_server *server);

/*
 * Takes no new connection, but those that wait in the socket's queue; answers with "Connection: close"; closes
 * connections without a request. `drained` is called once the last one is closed.
 */
void http_drain(struct http_server *server, void (*drained)(void *arg), void *arg);
/* Closes what is left. Each call is told `gone`. NULL is ignored. */
void http_free(struct http_server *server);

struct http_counts {
	uint64_t accepted, answered, refused, aborted; /* requests; accepted = the others + in_flight */
	uint32_t in_flight, connections;
};
void http_counts(const struct http_server *server, struct http_counts *counts);

#endif
