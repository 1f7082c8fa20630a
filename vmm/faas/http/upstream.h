/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to instances, on libcurl's multi interface, driven by the loop. Connections are kept and used again per
 * instance, never for another one at the same address. All on the loop's thread.
 */
#ifndef FAAS_UPSTREAM_H
#define FAAS_UPSTREAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"

struct upstream;      /* all of them */
struct upstream_call; /* one */

#define UPSTREAM_EOF ((ssize_t)-1)

enum upstream_end {
	UPSTREAM_WHOLE,	  /* the answer is complete */
	UPSTREAM_REFUSED, /* no connection came about, or none that took a byte of the request */
	UPSTREAM_BROKEN,  /* the connection ended in the middle */
	UPSTREAM_GARBAGE, /* what came is not HTTP, or too much of it */
};

/*
 * Told from inside of libcurl: they must not call back into this file, but for `done`, after which the call is gone.
 *	read   up to len bytes of the body: how many, 0: none now (upstream_more tells), UPSTREAM_EOF
 *	field  a header of the answer; false: too much
 *	head   all of them were told; false: not to be had
 *	write  takes all bytes of the answer's body, or none (upstream_room tells)
 *	complete  no more of the answer comes; `done` follows, but perhaps not before all of the request is taken
 */
struct upstream_ops {
	ssize_t (*read)(void *user, char *to, size_t len);
	bool (*field)(void *user, const char *name, const char *value);
	bool (*head)(void *user, unsigned int status);
	bool (*write)(void *user, const char *bytes, size_t len);
	void (*complete)(void *user);
	void (*done)(void *user, enum upstream_end end, const char *why);
};

/*
 * instance  a name that no other instance has ever had, of letters, digits and '-'
 * fields    "Name: value" each, or "Name;" for an empty value
 * body_len  -1: as much as comes, in chunks; 0: none
 * last      the instance is asked nothing else: its connection is closed afterwards
 */
struct upstream_request {
	const char *instance, *method, *target;
	struct sockaddr_in address;
	const char *const *fields;
	uint32_t n_fields;
	int64_t body_len;
	bool last;
};

int upstream_new(struct loop *loop, struct upstream **out);
void upstream_free(struct upstream *up);

/* 0 or negative errno; `done` follows on success only. The request's texts are copied. */
int upstream_start(struct upstream *up, const struct upstream_request *request, const struct upstream_ops *ops,
	void *user, struct upstream_call **out);
void upstream_more(struct upstream_call *call);
void upstream_room(struct upstream_call *call);
/* Nothing of the request can have been read by the instance: not sent, or not acknowledged by it. */
bool upstream_untaken(const struct upstream_call *call);
/* Ends it and its connection; `done` is not told. */
void upstream_cancel(struct upstream_call *call);

#endif
