/* SPDX-License-Identifier: Apache-2.0 */
/* What a function asks to reach, as a client wrote it: any text is rules that say what they seem to, or an error. */
#include <stdlib.h>
#include <string.h>

#include "egress/rules.h"

static void check(const struct egress *e)
{
	if (e->n > EGRESS_RULES || e->n_peers > EGRESS_PEERS)
		abort();
	for (uint32_t i = 0; i < e->n; i++) {
		const struct egress_rule *r = &e->rule[i];

		if (r->bits > 32 || r->protocols == 0 || r->protocols > (EGRESS_TCP | EGRESS_UDP | EGRESS_ICMP))
			abort();
		if ((r->bits < 32 && r->net & ~0u >> r->bits) || r->first > r->last)
			abort();
		if (r->protocols == EGRESS_ICMP && (r->first != 0 || r->last != 65535))
			abort();
	}
	for (uint32_t i = 0; i < e->n_peers; i++)
		if (e->peer[i][0] == 0 || !memchr(e->peer[i], 0, EGRESS_NAME))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char why[256] = "", *text = malloc(len + 1);
	static struct egress e;
	enum egress_dns dns;
	uint32_t address;

	if (!text)
		return 0;
	memcpy(text, bytes, len);
	text[len] = 0;
	if (egress_read(text, &e, why, sizeof why) == 0)
		check(&e);
	else if (!why[0])
		abort();
	egress_read_dns(text, &dns, &address);
	free(text);
	return 0;
}
