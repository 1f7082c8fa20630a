/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out of the namespace of functions, for those that have one. Nothing of it is there for the others: their
 * packets end at the first rule.
 *
 *	guest -- tap -- [ rules, network address translation ] -- uplink -- host -- world
 *
 * In a namespace of our own the uplink is one end of a veth pair; the host forwards and masquerades what comes from the
 * other one, by a table that is gone with this process however it ends. It has two addresses: one that most connections
 * come from, which the host does not let near itself, and one for connections that a rule names. In a namespace
 * that was given it is an interface that is there already, and what is behind is its owner's.
 *
 * A tap that is opened gets an element in sets, keyed by interface and source address, which lead to the rules of its
 * function: rules grow with functions, not with instances. What was connected is forgotten when the tap is closed.
 */
#ifndef FAAS_EGRESS_UPLINK_H
#define FAAS_EGRESS_UPLINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/error.h>

#include "spec.h"

struct uplink;

enum { UPLINK_BLOCKS = 2 }; /* /30 at the end of the block */

/*
 * how       "auto": where it is possible; "none"; the name of the interface that packets leave the host by, or of the
 *           one that is in the given namespace already
 * addresses the block of instances; its last eight are the uplink's
 * resolver  who is asked by functions: "auto" (whom the host asks), "none", or an address
 * All borrowed.
 */
struct uplink_config {
	const char *how, *addresses, *resolver;
};

enum uplink_place { UPLINK_OUTSIDE, UPLINK_OWN, UPLINK_GIVEN }; /* OUTSIDE: nothing is closed, so nothing is opened */

/* In the host's namespace. -ENOMEM, -EINVAL. */
int uplink_new(const struct uplink_config *config, struct uplink **out, struct ukvmm_err *err);
/* In the namespace of functions. Fails where a named interface cannot be had; for "auto" there is a reason instead. */
int uplink_join(struct uplink *u, enum uplink_place place, struct ukvmm_err *err);
void uplink_free(struct uplink *u); /* NULL is ignored. With all that it made */
/* Why there is none; NULL: there is one. */
const char *uplink_missing(const struct uplink *u);
/* One line about it, for the operator. */
void uplink_text(const struct uplink *u, char *text, size_t n);

/* Could a function with this be served? -ENOTSUP with the reason. Any thread. */
int uplink_admit(const struct uplink *u, const struct spec *spec, struct ukvmm_err *err);
bool uplink_resolves(const struct spec *spec); /* may it ask anybody? */

struct passage {
	const char *tap;
	struct in_addr guest, gateway;
	const struct spec *spec; /* immutable; the same one for both calls */
};
/*
 * One thread's, both; what is opened is closed before the tap is another instance's. open: all or nothing. close: where
 * it fails the tap must never be anybody's again.
 */
int uplink_open(struct uplink *u, const struct passage *p, struct ukvmm_err *err);
int uplink_close(struct uplink *u, const struct passage *p, struct ukvmm_err *err);

#endif
