/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of functions whose instances have a tap, and the taps that lead to them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "internal.h"

/* Of a function's instances at once: the table of connections is the machine's. */
enum { CONNECTIONS = 4096 };
enum { ECHO_REQUEST = 8, PROTOCOLS = 3 };

bool uplink_resolves(const struct spec *spec)
{
	return spec_egress(spec) && spec->dns != EGRESS_DNS_NONE;
}

static int refuse(struct ukvmm_err *err, const char *name, const char *why)
{
	failure(err, -ENOTSUP, "egress", name);
	snprintf(err->text, sizeof err->text, "%.*s", (int)sizeof err->text - 1, why);
	return -ENOTSUP;
}

int uplink_admit(const struct uplink *u, const struct spec *spec, struct ukvmm_err *err)
{
	uint32_t address;

	if (!spec_egress(spec))
		return 0;
	if (u->why[0])
		return refuse(err, spec->name, u->why);
	if (spec->dns != EGRESS_DNS_HOST || resolver_find(u->resolver, &address) == 0)
		return 0;
	return refuse(err, spec->name, "whom the host asks cannot be asked from here: deploy with --dns ADDRESS or "
		"--dns none, or serve with --resolver ADDRESS");
}

static void ports(struct batch *b, const struct egress_rule *rule)
{
	const uint16_t first = htons(rule->first), last = htons(rule->last);

	if (rule->first == 0 && rule->last == 65535)
		return;
	rule_transport(b, 2, 2, R_A);
	rule_compare(b, R_A, NFT_CMP_GTE, &first, sizeof first);
	rule_compare(b, R_A, NFT_CMP_LTE, &last, sizeof last);
}

static void ping(struct batch *b)
{
	const uint8_t type = ECHO_REQUEST;

	rule_transport(b, 0, 1, R_A);
	rule_compare(b, R_A, NFT_CMP_EQ, &type, sizeof type);
}

static void allow(struct batch *b, const char *chain, const struct egress_rule *rule)
{
	static const uint8_t numbers[PROTOCOLS] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };

	for (int i = 0; i < PROTOCOLS; i++) {
		if (!(rule->protocols & 1u << i))
			continue;
		rule_begin(b, chain);
		rule_destination(b, rule);
		rule_meta(b, NFT_META_L4PROTO, R_A);
		rule_compare(b, R_A, NFT_CMP_EQ, &numbers[i], 1);
		if (numbers[i] == IPPROTO_ICMP)
			ping(b);
		else
			ports(b, rule);
		if (egress_names(rule))
			rule_naming(b);
		rule_verdict(b, NF_ACCEPT, NULL);
		rule_end(b);
	}
}

static void bound_connections(struct batch *b, const char *chain)
{
	rule_begin(b, chain);
	rule_state(b, (uint32_t)NF_CT_STATE_BIT(IP_CT_NEW), NFT_CMP_NEQ);
	rule_connections_over(b, CONNECTIONS);
	rule_verdict(b, NF_DROP, NULL);
	rule_end(b);
}

/* What was sent to the gateway's port 53, and now goes to the resolver. */
static void allow_queries(struct batch *b, const char *chain)
{
	const uint32_t none = 0;

	rule_begin(b, chain);
	rule_ct(b, NFT_CT_STATUS, R_A);
	rule_bits(b, R_A, IPS_DST_NAT, 0);
	rule_compare(b, R_A, NFT_CMP_NEQ, &none, sizeof none);
	rule_naming(b);
	rule_verdict(b, NF_ACCEPT, NULL);
	rule_end(b);
}

static void add_rules(struct batch *b, const char *chain, const struct spec *spec)
{
	const struct egress *e = spec->egress;

	batch_chain(b, chain, NULL, -1, 0, false);
	bound_connections(b, chain);
	if (uplink_resolves(spec))
		allow_queries(b, chain);
	for (uint32_t i = 0; i < e->n; i++)
		if (egress_names(&e->rule[i]))
			allow(b, chain, &e->rule[i]);
	rule_begin(b, chain);
	rule_verdict(b, NFT_JUMP, CHAIN_SPECIAL);
	rule_end(b);
	for (uint32_t i = 0; i < e->n; i++)
		if (!egress_names(&e->rule[i]))
			allow(b, chain, &e->rule[i]);
}

static void elements(struct uplink *u, const struct passage *p, const char *chain, uint32_t resolver, bool add)
{
	struct batch_element e = { .key_len = KEY_TAP_ADDRESS, .chain = chain };

	snprintf((char *)e.key, IFNAMSIZ, "%s", p->tap);
	memcpy(e.key + IFNAMSIZ, &p->guest, 4);
	batch_element(&u->batch, SET_TAPS, &e, add);
	e.chain = NULL;
	batch_element(&u->batch, SET_ANSWERED, &e, add);
	if (!uplink_resolves(p->spec))
		return;
	e.key_len = KEY_TAP_ADDRESSES;
	e.address = htonl(resolver);
	memcpy(e.key + IFNAMSIZ + 4, &p->gateway, 4);
	batch_element(&u->batch, SET_RESOLVERS, &e, add);
}

static struct policy **find(struct uplink *u, const struct spec *spec)
{
	struct policy **at = &u->policies;

	while (*at && (*at)->spec != spec)
		at = &(*at)->next;
	return at;
}

static void name_chain(char chain[32], const struct policy *p)
{
	snprintf(chain, 32, "function-%u", p->id);
}

static int commit_open(struct uplink *u, const struct passage *p, struct policy *policy, struct ukvmm_err *err)
{
	uint32_t resolver = p->spec->dns_address;
	char chain[32];

	if (uplink_resolves(p->spec) && p->spec->dns == EGRESS_DNS_HOST && resolver_find(u->resolver, &resolver) < 0)
		return refuse(err, p->spec->name, "the host asks nobody any more who could be asked from here");
	name_chain(chain, policy);
	if (policy->taps == 0)
		add_rules(&u->batch, chain, p->spec);
	elements(u, p, chain, resolver, true);
	return batch_commit(&u->batch, u->rules, err);
}

int uplink_open(struct uplink *u, const struct passage *p, struct ukvmm_err *err)
{
	struct policy **at = find(u, p->spec), *policy = *at;
	int rc;

	if (!policy) {
		policy = calloc(1, sizeof *policy);
		if (!policy)
			return failure(err, -ENOMEM, "malloc", p->spec->name);
		policy->spec = p->spec;
		policy->id = ++u->ids;
	}
	rc = commit_open(u, p, policy, err);
	if (rc < 0) {
		if (policy->taps == 0)
			free(policy);
		return rc;
	}
	*at = policy;
	policy->taps++;
	return 0;
}

/* Nothing passes any more, then what has passed is forgotten: what comes in late finds no way to the next guest. */
int uplink_close(struct uplink *u, const struct passage *p, struct ukvmm_err *err)
{
	struct policy **at = find(u, p->spec), *policy = *at;
	char chain[32];
	int rc;

	if (!policy)
		return failure(err, -ENOENT, "egress", p->tap);
	name_chain(chain, policy);
	elements(u, p, chain, 0, false);
	if (--policy->taps == 0) {
		batch_chain_delete(&u->batch, chain);
		*at = policy->next;
		free(policy);
	}
	rc = batch_commit(&u->batch, u->rules, err);
	return rc < 0 ? rc : forget_connections(u->rules, p->guest, err);
}
