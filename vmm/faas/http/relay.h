/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to a function, from its client through an instance and back. Bodies are streamed both ways, at most 64 KiB
 * of each are here. An instance's answer begins to leave when the client's body has been taken: libmicrohttpd sends no
 * answer while it receives.
 */
#ifndef FAAS_RELAY_H
#define FAAS_RELAY_H

#include <stdbool.h>

#include "dispatch/dispatch.h"
#include "http/upstream.h"

struct call;

/* over: told once per request, for metrics. status 0: the client left. */
struct relay_context {
	struct loop *loop;
	struct upstream *upstream;
	struct dispatcher *dispatcher;
	void *arg;
	void (*over)(void *arg, const char *function, unsigned int status, uint64_t ns);
	void (*begun)(void *arg, const char *function);
	/* An instance did not answer as it should: for the log, its client is told less. */
	void (*problem)(void *arg, const char *function, const char *instance, const char *what, const char *text);
	uint32_t active;
};

/* Takes the call. target: what the instance is asked for. */
void relay_begin(struct relay_context *context, struct call *call, struct function *f, const char *target);

#endif
