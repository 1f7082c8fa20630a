/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"
#include "spec.h"

#define NET(a, b, c, d, bits) { (uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d), bits, 0, 0, 0 }
const struct egress_rule egress_special[] = {
	NET(0, 0, 0, 0, 8), NET(127, 0, 0, 0, 8),
	NET(169, 254, 0, 0, 16),  /* EC2 and those who took after it */
	NET(100, 100, 100, 200, 32), NET(168, 63, 129, 16, 32), NET(192, 0, 0, 192, 32), /* Alibaba, Azure, Oracle */
	NET(224, 0, 0, 0, 3),	  /* multicast, reserved, broadcast */
};
const size_t egress_specials = sizeof egress_special / sizeof egress_special[0];

bool egress_names(const struct egress_rule *rule)
{
	return rule->bits == 32;
}

/* "A.B.C.D" or "A.B.C.D/BITS" without bits beyond the prefix. */
static int read_net(const char *text, struct egress_rule *rule)
{
	char copy[INET_ADDRSTRLEN + 4], *slash;
	struct in_addr address;
	uint32_t bits = 32;

	if (strlen(text) >= sizeof copy)
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = 0;
	if (inet_pton(AF_INET, copy, &address) != 1 || (slash && parse_u32(slash + 1, 0, 32, &bits) < 0))
		return -EINVAL;
	rule->net = ntohl(address.s_addr);
	rule->bits = (uint8_t)bits;
	return bits < 32 && rule->net & ~0u >> bits ? -EINVAL : 0;
}

static int read_range(char *text, struct egress_rule *rule)
{
	char *dash = strchr(text, '-');
	uint32_t first, last;

	if (dash)
		*dash = 0;
	if (parse_u32(text, 1, 65535, &first) < 0 || parse_u32(dash ? dash + 1 : text, first, 65535, &last) < 0)
		return -EINVAL;
	rule->first = (uint16_t)first;
	rule->last = (uint16_t)last;
	return 0;
}

static int add(struct egress *out, const struct egress_rule *rule)
{
	if (out->n == EGRESS_RULES)
		return -E2BIG;
	out->rule[out->n++] = *rule;
	return 0;
}

static int add_ports(struct egress *out, struct egress_rule *rule, char *ports)
{
	int rc = 0;

	if (!ports)
		return add(out, rule);
	for (char *next; ports && rc == 0; ports = next) {
		next = strchr(ports, ',');
		if (next)
			*next++ = 0;
		rc = read_range(ports, rule);
		if (rc == 0)
			rc = add(out, rule);
	}
	return rc;
}

/* The last "/..." is a protocol unless it is a number; that of the prefix stands before it. */
static int take_protocol(char *word, uint8_t *protocols)
{
	static const char *const names[] = { "tcp", "udp", "icmp", NULL };
	char *slash = strrchr(word, '/');
	int which;

	*protocols = EGRESS_TCP | EGRESS_UDP;
	if (!slash || (slash[1] >= '0' && slash[1] <= '9'))
		return 0;
	which = parse_choice(slash + 1, names);
	*slash = 0;
	*protocols = (uint8_t)(1u << (which < 0 ? 0 : which));
	return which < 0 ? -EINVAL : 0;
}

static int read_peer(struct egress *out, const char *name)
{
	if (!spec_name_fits(name) || strlen(name) >= EGRESS_NAME)
		return -EINVAL;
	if (out->n_peers == EGRESS_PEERS)
		return -E2BIG;
	strcpy(out->peer[out->n_peers++], name);
	return 0;
}

static int read_word(struct egress *out, char *word)
{
	struct egress_rule rule = { .last = 65535 };
	char *ports;
	int rc;

	if (word[0] == '@')
		return read_peer(out, word + 1);
	rc = take_protocol(word, &rule.protocols);
	ports = strchr(word, ':');
	if (ports)
		*ports++ = 0;
	if (rc == 0)
		rc = read_net(word, &rule);
	if (rc == 0 && ports && rule.protocols == EGRESS_ICMP)
		rc = -EINVAL;
	return rc < 0 ? rc : add_ports(out, &rule, ports);
}

int egress_read(const char *text, struct egress *out, char *why, size_t n)
{
	char word[256], copy[256];
	size_t len;
	int rc = 0;

	*out = (struct egress){ 0 };
	for (text += strspn(text, " \t"); *text && rc == 0; text += len + strspn(text + len, " \t")) {
		len = strcspn(text, " \t");
		if (len >= sizeof word) {
			snprintf(why, n, "a word of egress is too long");
			return -EINVAL;
		}
		memcpy(word, text, len);
		word[len] = 0;
		strcpy(copy, word);
		rc = read_word(out, word);
		if (rc < 0)
			snprintf(why, n, "egress: %.100s %s", copy, rc == -E2BIG ? "is one rule too many" :
				"is not CIDR[:PORTS][/tcp|/udp|/icmp] or @FUNCTION");
	}
	return rc;
}

int egress_read_dns(const char *text, enum egress_dns *dns, uint32_t *address)
{
	static const char *const words[] = { "host", "none", NULL }; /* enum egress_dns */
	int which = parse_choice(text, words);
	struct in_addr at;

	if (which < 0 && inet_pton(AF_INET, text, &at) != 1)
		return -EINVAL;
	*dns = which < 0 ? EGRESS_DNS_AT : (enum egress_dns)which;
	*address = which < 0 ? ntohl(at.s_addr) : 0;
	return 0;
}
