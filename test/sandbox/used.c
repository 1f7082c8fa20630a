/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-used PROGRAM [ARG...] [-- PROGRAM [ARG...]]...: runs programs that seal themselves, and holds the tables
 * against what they call: each rule must be used by each kind of thread that has it, and no call may be outside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "trace.h"

enum { TABLES = 16, RULES = 128 };

/* What cannot be had everywhere: a part of the rule's reason, and why it may be missing here. */
static const struct {
	const char *rule;
	const char *why;
} elsewhere[] = {
	{ "KVM_GET_XSAVE:", "a KVM with KVM_GET_XSAVE2 is asked by that" },
	{ "KVM_GET_XSAVE2:", "KVM has it from Linux 5.17 on" },
	{ "BLKGETSIZE64:", "wants a block device" },
	{ "KVM_TRANSLATE:", "for a guest's end, on kernels before 5.15 only" },
	{ "eventfds, timers, taps", "on a vCPU's thread, only of a Solo5 guest with a tap" },
	{ "SIOCINQ:", "on a vCPU's thread, only of a Solo5 guest whose peer has gone" },
	{ "rate of the TSC", "depends on the host's clock" },
};

static const char *why_not_here(const struct call_rule *rule)
{
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (strstr(rule->why, elsewhere[i].rule))
			return elsewhere[i].why;
	return NULL;
}

static uint16_t used[TABLES][RULES];
static uint32_t calls, outside;

/* A thread that may be any other does not show what that one needs. */
static uint16_t credited(uint16_t grants)
{
	return grants & CALL_THREADS ? grants & (uint16_t)~(CALL_VCPU | CALL_WORK | CALL_SERVE) : grants;
}

static void on_call(void *arg, uint16_t grants, const struct probe_call *call, const struct probe_who *who)
{
	bool any = false;

	(void)arg;
	calls++;
	for (size_t t = 0; call_tables[t]; t++)
		for (size_t i = 0; i < call_tables[t]->n; i++) {
			const struct call_rule *rule = &call_tables[t]->rule[i];

			if (!(rule->grants & grants) || !probe_matches(rule, call, who))
				continue;
			used[t][i] |= rule->grants & credited(grants);
			any = true;
		}
	if (any)
		return;
	outside++;
	printf("not ok: call %ld(%#llx, %#llx, %#llx, %#llx) of a thread with %#x\n", call->nr,
		(unsigned long long)call->arg[0], (unsigned long long)call->arg[1], (unsigned long long)call->arg[2],
		(unsigned long long)call->arg[3], grants);
}

static const char *grant_names(uint16_t grants)
{
	static const char *const names[] = { "vcpu", "io", "work", "create", "threads", "serve", "connect", "state", "inspect",
		"stream" };
	static char text[128];

	*text = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (grants >> i & 1)
			snprintf(text + strlen(text), sizeof text - strlen(text), " %s", names[i]);
	return text;
}

static uint32_t report(void)
{
	uint32_t unused = 0, n = 0;

	for (size_t t = 0; call_tables[t]; t++)
		for (size_t i = 0; i < call_tables[t]->n; i++) {
			const struct call_rule *rule = &call_tables[t]->rule[i];
			uint16_t missing = rule->grants & (uint16_t)~used[t][i];

			if (probe_number(rule->call) < 0)
				continue;
			n++;
			if (!missing)
				continue;
			if (why_not_here(rule)) {
				printf("# %s: not seen with%s: %s\n", rule->why, grant_names(missing),
					why_not_here(rule));
				continue;
			}
			unused++;
			printf("not ok: %s, %s (%s): not used by%s\n", call_tables[t]->room, rule->call, rule->why,
				grant_names(missing));
		}
	printf("%u rules, %u calls seen, %u rules not used, %u calls outside\n", n, calls, unused, outside);
	return unused;
}

/* Runs all programs. 0; 1: one failed; 77: they cannot be traced. */
static int run_all(int argc, char **argv)
{
	int failed = 0;

	for (int from = 1, to; from < argc; from = to + 1) {
		char *end;
		int status;

		for (to = from; to < argc && strcmp(argv[to], "--");)
			to++;
		end = argv[to];
		argv[to] = NULL;
		status = trace_run(&argv[from], on_call, NULL);
		argv[to] = end;
		if (status < 0) {
			printf("skipped: ptrace is not allowed here\n");
			return 77;
		}
		if (status && WEXITSTATUS(status) != 77) {
			printf("not ok: %s ended with status %#x\n", argv[from], status);
			failed = 1;
		}
	}
	return failed;
}

int main(int argc, char **argv)
{
	int rc = run_all(argc, argv);
	uint32_t unused = report();

	return rc ? rc : unused || outside;
}
