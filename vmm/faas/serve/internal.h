/* SPDX-License-Identifier: Apache-2.0 */
/* Within serve*.c: the server and how its parts are made. */
#ifndef FAAS_SERVE_INTERNAL_H
#define FAAS_SERVE_INTERNAL_H

#include "api/app.h"
#include "options.h"

struct server {
	struct app app;
	struct serve_options options;
	struct loop_fd signals;
	struct loop_timer deadline; /* of the drain */
	char password[256];
	bool ending, lost;
};

/* parts.c: all that needs no network, and the store. */
int parts_make(struct server *s, const struct backend_ops *ops, struct ukvmm_err *err);
/* The back end, and what the store has: secrets, functions. */
int parts_open_backend(struct server *s, struct ukvmm_err *err);

/* doors.c: listeners, and the namespace of instances. */
int doors_open(struct server *s, struct ukvmm_err *err);

/* ending.c: signals are listened to. */
int ending_watch(struct server *s);
/* backend_options.lost */
void ending_lost(void *server);

#endif
