/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of requests share: the server's parts. */
#ifndef FAAS_APP_H
#define FAAS_APP_H

#include <stdbool.h>

#include "dispatch/dispatch.h"
#include "http/relay.h"
#include "http/server.h"
#include "store/store.h"

struct call;
struct logs;
struct meters;
struct secrets;

struct app {
	struct loop *loop;
	struct work *work;
	struct store *store;
	struct dispatcher *dispatcher;
	const struct backend_ops *ops;
	struct backend *backend;
	struct upstream *upstream;
	struct uplink *uplink;
	struct relay_context relay;
	struct logs *logs;
	struct meters *meters;
	struct secrets *secrets;
	const char *user, *password; /* of /system; NULL: no password is asked for */
	struct http_server *front, *metrics, *callback; /* the last two may be NULL */
};

/* Routers: of the front, of the metrics' address, of the address that guests call back. arg: the app. */
void route_front(void *arg, struct call *call);
void route_metrics(void *arg, struct call *call);
void route_callback(void *arg, struct call *call);

#endif
