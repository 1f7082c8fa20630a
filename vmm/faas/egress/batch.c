/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "failure.h"

enum { MESSAGE = 2048 }; /* none is longer */

static struct nlmsghdr *begin(struct batch *b, uint16_t type, uint16_t flags, uint16_t subsystem)
{
	struct nlmsghdr *h;
	struct nfgenmsg *m;

	if (b->len + 2 * MESSAGE > BATCH_ROOM) {
		b->full = true;
		b->len = 0;
	}
	b->last = b->len;
	h = mnl_nlmsg_put_header(b->bytes + b->len);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++b->messages;
	m = mnl_nlmsg_put_extra_header(h, sizeof *m);
	m->nfgen_family = subsystem ? AF_UNSPEC : AF_INET;
	m->version = NFNETLINK_V0;
	m->res_id = htons(subsystem);
	return h;
}

static void end(struct batch *b, const struct nlmsghdr *h)
{
	b->len += NLMSG_ALIGN(h->nlmsg_len);
}

static struct nlmsghdr *ask(struct batch *b, uint16_t message, uint16_t flags)
{
	return begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, 0);
}

static void put(struct nlmsghdr *h, uint16_t attribute, uint32_t value)
{
	mnl_attr_put_u32(h, attribute, htonl(value));
}

static void restart(struct batch *b)
{
	b->len = 0;
	b->full = false;
	end(b, begin(b, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES));
}

int batch_new(struct batch *b, const char *table)
{
	*b = (struct batch){ .bytes = malloc(BATCH_ROOM), .table = table };
	if (!b->bytes)
		return -ENOMEM;
	restart(b);
	return 0;
}

void batch_free(struct batch *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

/*
 * The kernel has answered when the call returns. Only failures are told, and the last message is acknowledged if all
 * went well.
 */
static int hear(struct mnl_socket *from, uint32_t last)
{
	char bytes[8192];
	int rc = -EPROTO;
	ssize_t n;

	while ((n = recv(mnl_socket_get_fd(from), bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
		int left = (int)n;

		for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)bytes; mnl_nlmsg_ok(h, left);
			h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof *e)
				continue;
			if (e->error != 0 && (rc == -EPROTO || rc == 0))
				rc = e->error;
			else if (e->error == 0 && h->nlmsg_seq == last && rc == -EPROTO)
				rc = 0;
		}
	}
	return rc;
}

int batch_commit(struct batch *b, struct mnl_socket *to, struct ukvmm_err *err)
{
	struct nlmsghdr *last = (struct nlmsghdr *)(void *)(b->bytes + b->last);
	int rc = 0;

	last->nlmsg_flags |= NLM_F_ACK;
	end(b, begin(b, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES));
	if (b->full)
		rc = -E2BIG;
	else if (mnl_socket_sendto(to, b->bytes, b->len) < 0)
		rc = -errno;
	else
		rc = hear(to, last->nlmsg_seq);
	restart(b);
	return rc < 0 ? failure(err, rc, "nf_tables", b->table) : 0;
}

void batch_table(struct batch *b)
{
	struct nlmsghdr *h = ask(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, b->table);
	put(h, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	end(b, h);
}

void batch_table_delete(struct batch *b)
{
	struct nlmsghdr *h = ask(b, NFT_MSG_DELTABLE, 0);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, b->table);
	end(b, h);
}

void batch_chain(struct batch *b, const char *name, const char *type, int hook, int priority, bool drop)
{
	struct nlmsghdr *h = ask(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *nest;

	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, name);
	if (hook >= 0) {
		nest = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
		put(h, NFTA_HOOK_HOOKNUM, (uint32_t)hook);
		put(h, NFTA_HOOK_PRIORITY, (uint32_t)priority);
		mnl_attr_nest_end(h, nest);
		put(h, NFTA_CHAIN_POLICY, drop ? 0 : 1); /* NF_DROP, NF_ACCEPT */
		mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, type);
	}
	end(b, h);
}

void batch_chain_delete(struct batch *b, const char *name)
{
	struct nlmsghdr *h = ask(b, NFT_MSG_DELRULE, 0);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, b->table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, name);
	end(b, h);
	h = ask(b, NFT_MSG_DELCHAIN, 0);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, name);
	end(b, h);
}

/* The types are for people who list the set: "ifname . ipv4_addr", six bits for each. */
static uint32_t key_type(uint32_t len)
{
	enum { IFNAME = 41, IPV4 = 7 };

	return len == KEY_TAP_ADDRESS ? IFNAME << 6 | IPV4 : IFNAME << 12 | IPV4 << 6 | IPV4;
}

void batch_set(struct batch *b, const char *name, uint32_t key_len, enum batch_data data)
{
	struct nlmsghdr *h = ask(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);

	mnl_attr_put_strz(h, NFTA_SET_TABLE, b->table);
	mnl_attr_put_strz(h, NFTA_SET_NAME, name);
	put(h, NFTA_SET_FLAGS, data == DATA_NONE ? 0 : NFT_SET_MAP);
	put(h, NFTA_SET_KEY_TYPE, key_type(key_len));
	put(h, NFTA_SET_KEY_LEN, key_len);
	if (data == DATA_VERDICT)
		put(h, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	if (data == DATA_ADDRESS) {
		put(h, NFTA_SET_DATA_TYPE, 7);
		put(h, NFTA_SET_DATA_LEN, 4);
	}
	put(h, NFTA_SET_ID, b->messages);
	end(b, h);
}

void batch_element(struct batch *b, const char *set, const struct batch_element *e, bool add)
{
	struct nlmsghdr *h = ask(b, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct nlattr *list, *item, *nest, *verdict;

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	item = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	nest = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	mnl_attr_put(h, NFTA_DATA_VALUE, e->key_len, e->key);
	mnl_attr_nest_end(h, nest);
	if (add && (e->chain || e->address)) {
		nest = mnl_attr_nest_start(h, NFTA_SET_ELEM_DATA);
		if (e->chain) {
			verdict = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);
			put(h, NFTA_VERDICT_CODE, (uint32_t)NFT_JUMP);
			mnl_attr_put_strz(h, NFTA_VERDICT_CHAIN, e->chain);
			mnl_attr_nest_end(h, verdict);
		} else {
			mnl_attr_put_u32(h, NFTA_DATA_VALUE, e->address);
		}
		mnl_attr_nest_end(h, nest);
	}
	mnl_attr_nest_end(h, item);
	mnl_attr_nest_end(h, list);
	end(b, h);
}

void rule_begin(struct batch *b, const char *chain)
{
	b->rule = ask(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	mnl_attr_put_strz(b->rule, NFTA_RULE_TABLE, b->table);
	mnl_attr_put_strz(b->rule, NFTA_RULE_CHAIN, chain);
	b->expressions = mnl_attr_nest_start(b->rule, NFTA_RULE_EXPRESSIONS);
}

void rule_end(struct batch *b)
{
	mnl_attr_nest_end(b->rule, b->expressions);
	end(b, b->rule);
}
