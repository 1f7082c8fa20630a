/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VSOCK_H
#define CLI_VSOCK_H

#include <sys/types.h>

#include "device_options.h"

struct vsock {
	const char *path; /* NULL: there is none */
	int listener;	  /* -1: nobody may connect to the guest */
	int door, worker_door; /* the ends of vsock_door.h's socket: ours, the worker's */
	dev_t dev;	  /* of the path that was bound */
	ino_t ino;	  /* 0: none was */
};

/* Binds what is to be listened on, and makes the door. A socket at its path that nobody listens on any more, left by a
 * run that was killed, is taken away first. 0, or -1 after a report. */
int vsock_open(struct vsock *v, const struct vsock_options *o, const char *name);

/* The path goes, but not another one's that has taken its place. */
void vsock_close(struct vsock *v);

#endif
