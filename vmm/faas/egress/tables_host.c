/* SPDX-License-Identifier: Apache-2.0 */
/* The rules at the host's end of the pair. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum { NAME = IFNAMSIZ + 8 };

static void drop_if_type(struct uplink *u, uint32_t type)
{
	struct batch *b = &u->batch;

	rule_begin(b, "arrive");
	rule_interface(b, NFT_META_IIFNAME, u->outside);
	rule_net(b, SOURCE, u->naming, 32, NFT_CMP_NEQ);
	rule_address_type(b, R_A);
	rule_compare(b, R_A, NFT_CMP_EQ, &type, sizeof type);
	rule_verdict(b, NF_DROP, NULL);
	rule_end(b);
}

/* Before any translation of the host's, which could turn an address of its own into another. */
static void arrive(struct uplink *u)
{
	struct batch *b = &u->batch;

	batch_chain(b, "arrive", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE, false);
	rule_begin(b, "arrive");
	rule_interface(b, NFT_META_IIFNAME, u->outside);
	rule_net(b, SOURCE, u->host & ~7u, 29, NFT_CMP_NEQ);
	rule_verdict(b, NF_DROP, NULL);
	rule_end(b);
	drop_if_type(u, RTN_LOCAL);
	drop_if_type(u, RTN_BROADCAST);
	drop_if_type(u, RTN_ANYCAST);
	drop_if_type(u, RTN_MULTICAST);
}

static void pass(struct uplink *u, const char *only)
{
	struct batch *b = &u->batch;
	char name[IFNAMSIZ] = "";

	batch_chain(b, "pass", "filter", NF_INET_FORWARD, 0, false);
	rule_begin(b, "pass");
	rule_interface(b, NFT_META_OIFNAME, u->outside);
	rule_state(b, OF_A_CONNECTION, NFT_CMP_EQ);
	rule_verdict(b, NF_DROP, NULL);
	rule_end(b);
	if (!only)
		return;
	memcpy(name, only, strnlen(only, IFNAMSIZ - 1));
	rule_begin(b, "pass");
	rule_interface(b, NFT_META_IIFNAME, u->outside);
	rule_meta(b, NFT_META_OIFNAME, R_NAME);
	rule_compare(b, R_NAME, NFT_CMP_NEQ, name, sizeof name);
	rule_verdict(b, NF_DROP, NULL);
	rule_end(b);
}

bool tables_host_free(struct uplink *u, const char *outside)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct batch *b = &u->batch;
	char table[NAME];

	snprintf(table, sizeof table, "ukvmm-%s", outside);
	b->table = table;
	batch_table(b);
	if (batch_commit(b, u->host_rules, &err) < 0)
		return false;
	batch_table_delete(b);
	return batch_commit(b, u->host_rules, &err) == 0;
}

int tables_host(struct uplink *u, const char *only, struct ukvmm_err *err)
{
	struct batch *b = &u->batch;
	char table[NAME];

	snprintf(table, sizeof table, "ukvmm-%s", u->outside);
	b->table = table;
	batch_table(b);
	arrive(u);
	pass(u, only);
	batch_chain(b, "leave", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, false);
	rule_begin(b, "leave");
	rule_net(b, SOURCE, u->host & ~7u, 29, NFT_CMP_EQ);
	rule_net(b, DESTINATION, u->host & ~7u, 29, NFT_CMP_NEQ);
	rule_masquerade(b);
	rule_end(b);
	return batch_commit(b, u->host_rules, err);
}
