/* SPDX-License-Identifier: Apache-2.0 */
/* A network card of the guest's: what it leads to, and the device. */
#ifndef CLI_NET_H
#define CLI_NET_H

#include "device_options.h"
#include "passt.h"

struct net {
	int fd;		    /* what it leads to; -1: nothing, or a tap by its name */
	struct passt passt; /* where it leads to one */
};

/* Connects to a socket or starts a passt; what was given by number is not inherited by programs any
 * more. 0, or -1 after a report. */
int net_open(struct net *n, const struct net_options *o, const char *name);

/* Adds the device, once its passt is ready. 0, or -1 after a report. */
int net_add(struct net *n, const struct net_options *o, const char *name, struct ukvmm_vm *vm);

#endif
