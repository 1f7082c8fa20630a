/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespace in which instances have their taps, and from which the server connects to them. It has no way
 * out: no other interface, no forwarding, no IPv6, and what a tap sends must have that tap's addresses.
 */
#ifndef FAAS_NETWORK_H
#define FAAS_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/error.h>

enum network {
	NETWORK_AUTO,	/* OWN; SHARED without the right to it */
	NETWORK_OWN,	/* one is made */
	NETWORK_GIVEN,	/* the one that the server was started in, where nobody else is: it is closed the same way */
	NETWORK_SHARED, /* that one, and it stays as it is */
};

/*
 * The calling thread moves there, and what it makes from now on: sockets, taps, processes. Listeners that it has stay
 * where they are, and so do connections that they accept. *closed: instances are closed in. Needs CAP_SYS_ADMIN (OWN),
 * CAP_NET_ADMIN (OWN, GIVEN). Once; a failure leaves the thread where it may be.
 */
int network_enter(enum network how, bool *closed, struct ukvmm_err *err);

/* What comes in there is passed on as the rules of nf_tables say, which are there already. */
int network_forward(struct ukvmm_err *err);

#endif
