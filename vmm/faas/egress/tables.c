/* SPDX-License-Identifier: Apache-2.0 */
/* The rules among functions that are there as long as the uplink is. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "internal.h"

enum { IP_DNS = 53 };

void rule_interface(struct batch *b, uint32_t key, const char *name)
{
	char padded[IFNAMSIZ] = "";

	memcpy(padded, name, strnlen(name, IFNAMSIZ - 1));
	rule_meta(b, key, R_NAME);
	rule_compare(b, R_NAME, NFT_CMP_EQ, padded, sizeof padded);
}

void rule_net(struct batch *b, uint32_t offset, uint32_t net, uint32_t bits, enum nft_cmp_ops op)
{
	uint32_t want = htonl(net);

	rule_network(b, offset, 4, R_A);
	if (bits < 32)
		rule_bits(b, R_A, bits ? htonl(~0u << (32 - bits)) : 0, 0);
	rule_compare(b, R_A, op, &want, sizeof want);
}

void rule_destination(struct batch *b, const struct egress_rule *rule)
{
	if (rule->bits > 0)
		rule_net(b, DESTINATION, rule->net, rule->bits, NFT_CMP_EQ);
}

/*
 * A connection's mark is the guest's address, which is even, and one more if a rule names where it goes. So all those
 * of a guest can be found, and translation knows which address they leave with.
 */
static void rule_mark(struct batch *b, bool naming)
{
	rule_network(b, SOURCE, 4, R_A);
	rule_bits(b, R_A, htonl(~1u), naming ? htonl(1) : 0);
	rule_ct_set(b, NFT_CT_MARK, R_A);
}

void rule_naming(struct batch *b)
{
	rule_mark(b, true);
}

void rule_state(struct batch *b, uint32_t bits, enum nft_cmp_ops op)
{
	const uint32_t none = 0;

	rule_ct(b, NFT_CT_STATE, R_B);
	rule_bits(b, R_B, bits, 0);
	rule_compare(b, R_B, op, &none, sizeof none);
}

/* tap . source: what has another source is nobody's. */
static void rule_guest(struct batch *b, uint32_t interface, uint32_t address)
{
	rule_meta(b, interface, R_NAME);
	rule_network(b, address, 4, R_A);
}

static void forward(struct uplink *u)
{
	struct batch *b = &u->batch;

	batch_chain(b, "forward", "filter", NF_INET_FORWARD, 0, true);
	rule_begin(b, "forward");
	rule_interface(b, NFT_META_OIFNAME, u->inside);
	rule_mark(b, false);
	rule_end(b);
	rule_begin(b, "forward");
	rule_interface(b, NFT_META_OIFNAME, u->inside);
	rule_guest(b, NFT_META_IIFNAME, SOURCE);
	rule_lookup(b, SET_TAPS, R_NAME, NFT_REG_VERDICT);
	rule_end(b);
	rule_begin(b, "forward");
	rule_interface(b, NFT_META_IIFNAME, u->inside);
	rule_state(b, OF_A_CONNECTION, NFT_CMP_NEQ);
	rule_guest(b, NFT_META_OIFNAME, DESTINATION);
	rule_lookup(b, SET_ANSWERED, R_NAME, -1);
	rule_verdict(b, NF_ACCEPT, NULL);
	rule_end(b);
}

static void special(struct uplink *u)
{
	const struct egress_rule block = { u->block, (uint8_t)u->block_bits, 0, 0, 0 };

	batch_chain(&u->batch, CHAIN_SPECIAL, NULL, -1, 0, false);
	for (size_t i = 0; i <= egress_specials; i++) {
		rule_begin(&u->batch, CHAIN_SPECIAL);
		rule_destination(&u->batch, i < egress_specials ? &egress_special[i] : &block);
		rule_verdict(&u->batch, NF_DROP, NULL);
		rule_end(&u->batch);
	}
}

/* A query to the gateway of one that may ask: R_B is who answers. */
static void rule_query(struct batch *b, uint8_t protocol)
{
	const uint16_t port = htons(IP_DNS);

	rule_meta(b, NFT_META_L4PROTO, R_A);
	rule_compare(b, R_A, NFT_CMP_EQ, &protocol, 1);
	rule_transport(b, 2, 2, R_A);
	rule_compare(b, R_A, NFT_CMP_EQ, &port, sizeof port);
	rule_guest(b, NFT_META_IIFNAME, SOURCE);
	rule_network(b, DESTINATION, 4, R_B);
	rule_lookup(b, SET_RESOLVERS, R_NAME, R_B);
}

static void resolve(struct uplink *u, uint8_t protocol)
{
	rule_begin(&u->batch, "resolve");
	rule_query(&u->batch, protocol);
	rule_nat(&u->batch, NFT_NAT_DNAT, R_B);
	rule_end(&u->batch);
}

/*
 * Only what leaves has connections: requests to instances, and whatever guests without egress send, cost nothing for it
 * and fill no table.
 */
static void track(struct uplink *u)
{
	const uint32_t local = RTN_LOCAL;
	struct batch *b = &u->batch;

	batch_chain(b, "track-own", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW, false);
	rule_begin(b, "track-own");
	rule_untracked(b);
	rule_end(b);
	batch_chain(b, "track", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW, false);
	for (int i = 0; i < 2; i++) {
		rule_begin(b, "track");
		rule_query(b, i ? IPPROTO_TCP : IPPROTO_UDP);
		rule_verdict(b, NF_ACCEPT, NULL);
		rule_end(b);
	}
	rule_begin(b, "track");
	rule_interface(b, NFT_META_IIFNAME, u->inside);
	rule_verdict(b, NF_ACCEPT, NULL);
	rule_end(b);
	rule_begin(b, "track");
	rule_address_type(b, R_A);
	rule_compare(b, R_A, NFT_CMP_NEQ, &local, sizeof local);
	rule_guest(b, NFT_META_IIFNAME, SOURCE);
	rule_lookup(b, SET_ANSWERED, R_NAME, -1);
	rule_verdict(b, NF_ACCEPT, NULL);
	rule_end(b);
	rule_begin(b, "track");
	rule_untracked(b);
	rule_end(b);
}

static void leave(struct uplink *u)
{
	const uint32_t none = 0;
	struct batch *b = &u->batch;

	batch_chain(b, "leave", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, false);
	for (int naming = 0; naming < 2; naming++) {
		rule_begin(b, "leave");
		rule_interface(b, NFT_META_OIFNAME, u->inside);
		if (!u->own) {
			rule_masquerade(b);
			rule_end(b);
			return;
		}
		rule_ct(b, NFT_CT_MARK, R_A);
		rule_bits(b, R_A, htonl(1), 0);
		rule_compare(b, R_A, naming ? NFT_CMP_NEQ : NFT_CMP_EQ, &none, sizeof none);
		rule_load(b, R_A, htonl(naming ? u->naming : u->common));
		rule_nat(b, NFT_NAT_SNAT, R_A);
		rule_end(b);
	}
}

/* Nobody out there has business with us. */
static void closed(struct uplink *u)
{
	struct batch *b = &u->batch;

	batch_chain(b, "input", "filter", NF_INET_LOCAL_IN, 0, false);
	rule_begin(b, "input");
	rule_interface(b, NFT_META_IIFNAME, u->inside);
	rule_verdict(b, NF_DROP, NULL);
	rule_end(b);
}

int tables_own(struct uplink *u, struct ukvmm_err *err)
{
	struct batch *b = &u->batch;

	b->table = TABLE_OWN;
	batch_table(b);
	batch_set(b, SET_TAPS, KEY_TAP_ADDRESS, DATA_VERDICT);
	batch_set(b, SET_ANSWERED, KEY_TAP_ADDRESS, DATA_NONE);
	batch_set(b, SET_RESOLVERS, KEY_TAP_ADDRESSES, DATA_ADDRESS);
	forward(u);
	special(u);
	track(u);
	batch_chain(b, "resolve", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST, false);
	resolve(u, IPPROTO_UDP);
	resolve(u, IPPROTO_TCP);
	leave(u);
	closed(u);
	return batch_commit(b, u->rules, err);
}
