/* SPDX-License-Identifier: Apache-2.0 */
/* A network card of the guest's: what it leads to, and the device. */
#ifndef CLI_NET_H
#define CLI_NET_H

#include "device_options.h"
#include "message.h"
#include "passt.h"

struct net {
	int fd;		    /* what it leads to; -1: nothing */
	struct passt passt; /* where it leads to one */
};

/* Opens a tap, connects to a socket or starts a passt; what was given by number is not inherited by programs any
 * more. 0, or -1 after a report. */
int net_open(struct net *n, const struct net_options *o, const char *name);

/* What a worker is told of it. */
void net_fill(const struct net *n, const struct net_options *o, const char *name, struct message_net *m);
/* What the user called it: the tap, the number, the path. */
void net_describe(const struct net_options *o, const char *name, char *text, size_t len);

#endif
