/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction with nf_tables over netlink: all of it happens, or nothing. Messages of one table are collected, then
 * sent at once. libmnl makes the attributes; there is no library of a fitting licence that makes the rest.
 */
#ifndef FAAS_EGRESS_BATCH_H
#define FAAS_EGRESS_BATCH_H

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ukvmm/error.h>

enum { BATCH_ROOM = 192 << 10 }; /* the longest list of rules makes 145 KiB */

struct batch {
	char *bytes;
	size_t len, last; /* last: where the last message is */
	uint32_t messages;
	bool full;
	const char *table;
	struct nlmsghdr *rule; /* under construction */
	struct nlattr *expressions;
};

/* table: borrowed. -ENOMEM. */
int batch_new(struct batch *b, const char *table);
void batch_free(struct batch *b);
/* Sends what was collected and hears what came of it; the batch is empty then. err: the kernel's errno. */
int batch_commit(struct batch *b, struct mnl_socket *to, struct ukvmm_err *err);

/* One that goes away with the socket that made it, and that nobody else can change. */
void batch_table(struct batch *b);
void batch_table_delete(struct batch *b);
/* hook < 0: a chain that others jump to. */
void batch_chain(struct batch *b, const char *name, const char *type, int hook, int priority, bool drop);
/* With all of its rules. */
void batch_chain_delete(struct batch *b, const char *name);

/* Keys and data of sets; a key of several has its fields one behind the other, each as long as registers are wide. */
enum { KEY_TAP_ADDRESS = 20, KEY_TAP_ADDRESSES = 24, KEY_MAX = 24 };
enum batch_data { DATA_NONE, DATA_VERDICT, DATA_ADDRESS };
void batch_set(struct batch *b, const char *name, uint32_t key_len, enum batch_data data);

struct batch_element {
	uint8_t key[KEY_MAX];
	uint32_t key_len;
	const char *chain; /* to jump to; NULL: no verdict */
	uint32_t address;  /* network byte order; 0: none */
};
void batch_element(struct batch *b, const char *set, const struct batch_element *e, bool add);

/* ---- rules: what is between the two calls is done in order, as long as it matches ---- */
void rule_begin(struct batch *b, const char *chain);
void rule_end(struct batch *b);

/* Registers: R_NAME is 16 bytes, and a key begins there; R_A, R_B, follow it, four bytes each. */
enum { R_NAME = NFT_REG_1, R_A = NFT_REG32_04, R_B = NFT_REG32_05 };

void rule_meta(struct batch *b, uint32_t key, uint32_t reg);
void rule_network(struct batch *b, uint32_t offset, uint32_t len, uint32_t reg);
void rule_transport(struct batch *b, uint32_t offset, uint32_t len, uint32_t reg);
void rule_compare(struct batch *b, uint32_t reg, enum nft_cmp_ops op, const void *with, uint32_t len);
void rule_bits(struct batch *b, uint32_t reg, uint32_t keep, uint32_t flip); /* (reg & keep) ^ flip; as in memory */
void rule_ct(struct batch *b, uint32_t key, uint32_t reg);
void rule_ct_set(struct batch *b, uint32_t key, uint32_t reg);
void rule_lookup(struct batch *b, const char *set, uint32_t reg, int to); /* to < 0: is it in there? */
void rule_load(struct batch *b, uint32_t reg, uint32_t value);
void rule_address_type(struct batch *b, uint32_t reg); /* of the destination, RTN_* */
void rule_connections_over(struct batch *b, uint32_t count);
void rule_nat(struct batch *b, enum nft_nat_types type, uint32_t reg);
void rule_masquerade(struct batch *b);
void rule_untracked(struct batch *b); /* it belongs to no connection */
void rule_verdict(struct batch *b, int code, const char *chain);

#endif
