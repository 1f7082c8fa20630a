/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox-doc: prints the tables of system calls as doc/security.md has them. */
#include <stdio.h>
#include <string.h>

#include "tables.h"

static void arguments(const struct call_rule *rule)
{
	const char *sep = "";

	for (int i = 0; i < CALL_ARGS && rule->arg[i].check; i++, sep = ", ") {
		const struct call_arg *a = &rule->arg[i];
		unsigned long long mask = a->mask, value = a->value, rest = ~mask;

		if (mask <= UINT32_MAX) /* the upper half is not looked at */
			rest &= UINT32_MAX;

		if (a->check == CALL_PID)
			printf("%s%u: own pid", sep, a->index);
		else if (a->check == CALL_SIGNAL)
			printf("%s%u: the kick", sep, a->index);
		else if (mask == UINT64_MAX || mask == UINT32_MAX)
			printf("%s%u: %#llx", sep, a->index, value);
		else if (!value)
			printf("%s%u: within %#llx", sep, a->index, rest);
		else
			printf("%s%u: %#llx and any of %#llx", sep, a->index, value, rest);
	}
}

static void row(const char *room, const struct call_rule *rule)
{
	printf("| %s%s | ", rule->call, rule->refuse ? ", refused" : "");
	arguments(rule);
	printf(" |");
	for (int bit = 0; bit < 10; bit++)
		printf(" %s |", rule->grants >> bit & 1 ? "x" : "");
	printf(" %s | %s |\n", room, rule->why);
}

/* Distinct calls that are let through. */
static unsigned count(uint16_t grants)
{
	const char *seen[256];
	unsigned n = 0;

	for (size_t t = 0; call_tables[t]; t++)
		for (size_t i = 0; i < call_tables[t]->n; i++) {
			const struct call_rule *rule = &call_tables[t]->rule[i];
			unsigned at = 0;

			while (at < n && strcmp(seen[at], rule->call))
				at++;
			if (at == n && rule->grants & grants && !rule->refuse && n < sizeof seen / sizeof *seen)
				seen[n++] = rule->call;
		}
	return n;
}

int main(void)
{
	printf("| | calls |\n|---|---|\n| vcpu | %u |\n| vcpu, serve | %u |\n| io | %u |\n| io, inspect | %u |\n"
	       "| io, stream, inspect | %u |\n| io, create | %u |\n"
	       "| work | %u |\n| work, create | %u |\n\n",
		count(CALL_VCPU), count(CALL_VCPU | CALL_SERVE), count(CALL_IO), count(CALL_IO | CALL_INSPECT),
		count(CALL_IO | CALL_STREAM | CALL_INSPECT), count(CALL_IO | CALL_CREATE),
		count(CALL_WORK), count(CALL_WORK | CALL_CREATE));
	printf("| call | arguments | vcpu | io | work | create | threads | serve | connect | state | inspect | stream | room | for |\n"
	       "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (size_t t = 0; call_tables[t]; t++)
		for (size_t i = 0; i < call_tables[t]->n; i++)
			row(call_tables[t]->room, &call_tables[t]->rule[i]);
	return 0;
}
