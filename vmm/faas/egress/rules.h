/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function may open connections to, as it is written in its settings:
 *
 *	CIDR[:PORTS][/tcp|/udp|/icmp]	PORTS: 443, 8000-8100, or several with commas; none: all. Neither tcp nor udp: both
 *	@NAME				another function, asked over HTTP
 *
 * with blanks between them. A rule of one address is one that names it: only such rules reach what wider ones never do,
 * the host itself and egress_special.
 */
#ifndef FAAS_EGRESS_RULES_H
#define FAAS_EGRESS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EGRESS_RULES = 128, /* longest list, each range of ports counted */
	EGRESS_PEERS = 32,
	EGRESS_NAME = 64,
};

enum { EGRESS_TCP = 1, EGRESS_UDP = 2, EGRESS_ICMP = 4 };

/* Host byte order. first 0, last 65535: every port; ICMP has none, and is a ping. */
struct egress_rule {
	uint32_t net;
	uint8_t bits, protocols;
	uint16_t first, last;
};

struct egress {
	uint32_t n, n_peers;
	struct egress_rule rule[EGRESS_RULES];
	char peer[EGRESS_PEERS][EGRESS_NAME];
};

/* Link-local addresses with the metadata services of clouds in them, and other ones that a wide rule does not mean. */
extern const struct egress_rule egress_special[];
extern const size_t egress_specials;

/* 0; -EINVAL with a line about the first word that is wrong in why (n bytes); -E2BIG, too. Nothing is allocated. */
int egress_read(const char *text, struct egress *out, char *why, size_t n);
bool egress_names(const struct egress_rule *rule); /* one address */

/* Who answers a function's DNS queries, which go to port 53 of its gateway. */
enum egress_dns {
	EGRESS_DNS_HOST, /* whom the host asks; where the function has a rule with addresses */
	EGRESS_DNS_NONE,
	EGRESS_DNS_AT,	 /* the address that is given */
};
/* "host", "none" or an address (host byte order). -EINVAL. */
int egress_read_dns(const char *text, enum egress_dns *dns, uint32_t *address);

#endif
