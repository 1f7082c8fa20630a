/* SPDX-License-Identifier: Apache-2.0 */
/* The expressions of rules. Numbers are in network byte order as attributes, and as in memory in registers. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <string.h>

#include "batch.h"

struct expression {
	struct nlattr *item, *data;
};

static struct expression begin(struct batch *b, const char *name)
{
	struct expression e = { .item = mnl_attr_nest_start(b->rule, NFTA_LIST_ELEM) };

	mnl_attr_put_strz(b->rule, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(b->rule, NFTA_EXPR_DATA);
	return e;
}

static void end(struct batch *b, struct expression e)
{
	mnl_attr_nest_end(b->rule, e.data);
	mnl_attr_nest_end(b->rule, e.item);
}

static void put(struct batch *b, uint16_t attribute, uint32_t value)
{
	mnl_attr_put_u32(b->rule, attribute, htonl(value));
}

static void put_data(struct batch *b, uint16_t attribute, const void *bytes, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(b->rule, attribute);

	mnl_attr_put(b->rule, NFTA_DATA_VALUE, len, bytes);
	mnl_attr_nest_end(b->rule, nest);
}

void rule_meta(struct batch *b, uint32_t key, uint32_t reg)
{
	struct expression e = begin(b, "meta");

	put(b, NFTA_META_KEY, key);
	put(b, NFTA_META_DREG, reg);
	end(b, e);
}

static void payload(struct batch *b, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct expression e = begin(b, "payload");

	put(b, NFTA_PAYLOAD_DREG, reg);
	put(b, NFTA_PAYLOAD_BASE, base);
	put(b, NFTA_PAYLOAD_OFFSET, offset);
	put(b, NFTA_PAYLOAD_LEN, len);
	end(b, e);
}

void rule_network(struct batch *b, uint32_t offset, uint32_t len, uint32_t reg)
{
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, offset, len, reg);
}

void rule_transport(struct batch *b, uint32_t offset, uint32_t len, uint32_t reg)
{
	payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, offset, len, reg);
}

void rule_compare(struct batch *b, uint32_t reg, enum nft_cmp_ops op, const void *with, uint32_t len)
{
	struct expression e = begin(b, "cmp");

	put(b, NFTA_CMP_SREG, reg);
	put(b, NFTA_CMP_OP, op);
	put_data(b, NFTA_CMP_DATA, with, len);
	end(b, e);
}

void rule_bits(struct batch *b, uint32_t reg, uint32_t keep, uint32_t flip)
{
	struct expression e = begin(b, "bitwise");

	put(b, NFTA_BITWISE_SREG, reg);
	put(b, NFTA_BITWISE_DREG, reg);
	put(b, NFTA_BITWISE_LEN, sizeof keep);
	put_data(b, NFTA_BITWISE_MASK, &keep, sizeof keep);
	put_data(b, NFTA_BITWISE_XOR, &flip, sizeof flip);
	end(b, e);
}

void rule_ct(struct batch *b, uint32_t key, uint32_t reg)
{
	struct expression e = begin(b, "ct");

	put(b, NFTA_CT_KEY, key);
	put(b, NFTA_CT_DREG, reg);
	end(b, e);
}

void rule_ct_set(struct batch *b, uint32_t key, uint32_t reg)
{
	struct expression e = begin(b, "ct");

	put(b, NFTA_CT_KEY, key);
	put(b, NFTA_CT_SREG, reg);
	end(b, e);
}

void rule_lookup(struct batch *b, const char *set, uint32_t reg, int to)
{
	struct expression e = begin(b, "lookup");

	mnl_attr_put_strz(b->rule, NFTA_LOOKUP_SET, set);
	put(b, NFTA_LOOKUP_SREG, reg);
	if (to >= 0)
		put(b, NFTA_LOOKUP_DREG, (uint32_t)to);
	end(b, e);
}

void rule_load(struct batch *b, uint32_t reg, uint32_t value)
{
	struct expression e = begin(b, "immediate");

	put(b, NFTA_IMMEDIATE_DREG, reg);
	put_data(b, NFTA_IMMEDIATE_DATA, &value, sizeof value);
	end(b, e);
}

void rule_address_type(struct batch *b, uint32_t reg)
{
	struct expression e = begin(b, "fib");

	put(b, NFTA_FIB_DREG, reg);
	put(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(b, e);
}

void rule_connections_over(struct batch *b, uint32_t count)
{
	struct expression e = begin(b, "connlimit");

	put(b, NFTA_CONNLIMIT_COUNT, count);
	put(b, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	end(b, e);
}

void rule_nat(struct batch *b, enum nft_nat_types type, uint32_t reg)
{
	struct expression e = begin(b, "nat");

	put(b, NFTA_NAT_TYPE, type);
	put(b, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	put(b, NFTA_NAT_REG_ADDR_MIN, reg);
	put(b, NFTA_NAT_REG_ADDR_MAX, reg);
	end(b, e);
}

void rule_masquerade(struct batch *b)
{
	end(b, begin(b, "masq"));
}

void rule_untracked(struct batch *b)
{
	end(b, begin(b, "notrack"));
}

void rule_verdict(struct batch *b, int code, const char *chain)
{
	struct expression e = begin(b, "immediate");
	struct nlattr *data, *verdict;

	put(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(b->rule, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(b->rule, NFTA_DATA_VERDICT);
	put(b, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		mnl_attr_put_strz(b->rule, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(b->rule, verdict);
	mnl_attr_nest_end(b->rule, data);
	end(b, e);
}
