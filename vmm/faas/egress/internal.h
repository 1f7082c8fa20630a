/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef FAAS_EGRESS_INTERNAL_H
#define FAAS_EGRESS_INTERNAL_H

#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>

#include "batch.h"
#include "rules.h"
#include "uplink.h"

#define TABLE_OWN "ukvmm"
/* sets and chains of it */
#define SET_TAPS "taps"	      /* tap . address of its guest: jump to the rules of its function */
#define SET_ANSWERED "answered" /* the same: packets may come back to them */
#define SET_RESOLVERS "resolvers" /* ... and address of its gateway: who is asked */
#define CHAIN_SPECIAL "special"

/* A function's rules, while an instance has them. */
struct policy {
	struct policy *next;
	const struct spec *spec;
	uint32_t id, taps;
};

/* Addresses are in host byte order. */
struct uplink {
	const char *how, *resolver;
	uint32_t block, block_bits; /* of instances */
	uint32_t host, common, naming; /* of the pair: the host's end, ours, ours for what a rule names */
	char why[192];		    /* there is none; "" once there is */
	bool small, forwards, own;
	char holder[IFNAMSIZ]; /* who has addresses of the pair already; "": nobody */
	char inside[IFNAMSIZ], outside[IFNAMSIZ];
	struct mnl_socket *host_route, *host_rules; /* of the host's namespace */
	struct mnl_socket *rules;		    /* of functions': the gates' thread's once we serve */
	struct batch batch;
	struct policy *policies;
	uint32_t ids;
};

enum { PAIR_BITS = 29 }; /* of the pair's addresses */

/* uplink.c */
void uplink_because(struct uplink *u, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct mnl_socket *uplink_socket(int protocol); /* of the namespace that the thread is in; NULL: errno */
bool uplink_is_named(const struct uplink *u);	/* by the operator */

/* places.c: -errno, or with a reason */
int place_own(struct uplink *u, struct ukvmm_err *err);
int place_given(struct uplink *u, struct ukvmm_err *err);

/* tables_host.c. only: packets leave by this interface; NULL: by any */
/* Makes and deletes one: false where there is one, of a process that lives. */
bool tables_host_free(struct uplink *u, const char *outside);
int tables_host(struct uplink *u, const char *only, struct ukvmm_err *err);

/* tables.c */
int tables_own(struct uplink *u, struct ukvmm_err *err);
enum { SOURCE = 12, DESTINATION = 16 }; /* addresses of a packet */
/* Is that address in there, with NFT_CMP_EQ, or not? Host byte order. */
void rule_net(struct batch *b, uint32_t offset, uint32_t net, uint32_t bits, enum nft_cmp_ops op);
#define OF_A_CONNECTION ((uint32_t)(NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED)))
/* Is the connection in one of these states, with NFT_CMP_NEQ, or in none? */
void rule_state(struct batch *b, uint32_t states, enum nft_cmp_ops op);
/* A rule that goes on if the destination is in there. */
void rule_destination(struct batch *b, const struct egress_rule *rule);
/* The connection is one that a rule names. */
void rule_naming(struct batch *b);
/* Is it this interface (NFT_META_IIFNAME, NFT_META_OIFNAME)? */
void rule_interface(struct batch *b, uint32_t key, const char *name);

/* forget.c: connections that were opened from an address. */
int forget_connections(struct mnl_socket *s, struct in_addr guest, struct ukvmm_err *err);

/* resolver.c: host byte order; -ENOENT. Any thread. */
int resolver_find(const char *how, uint32_t *address);

#endif
