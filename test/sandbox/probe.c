/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 100, NO_FILTER = 99 };

static int last_status;

int probe_status(void)
{
	return last_status;
}

long probe_number(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

static bool arg_holds(const struct call_arg *a, const struct probe_call *call, const struct probe_who *who)
{
	uint64_t v = call->arg[a->index];

	switch (a->check) {
	case CALL_MASKED:
		return (v & a->mask) == a->value;
	case CALL_PID:
		return (uint32_t)v == (uint32_t)who->pid;
	case CALL_SIGNAL:
		return (uint32_t)v == (uint32_t)who->signal;
	}
	return true;
}

bool probe_matches(const struct call_rule *rule, const struct probe_call *call, const struct probe_who *who)
{
	if (probe_number(rule->call) != call->nr)
		return false;
	for (int i = 0; i < CALL_ARGS && rule->arg[i].check; i++)
		if (!arg_holds(&rule->arg[i], call, who))
			return false;
	return true;
}

bool probe_allowed(uint16_t grants, const struct probe_call *call, const struct probe_who *who)
{
	for (size_t t = 0; call_tables[t]; t++)
		for (size_t i = 0; i < call_tables[t]->n; i++)
			if (call_tables[t]->rule[i].grants & grants && probe_matches(&call_tables[t]->rule[i],
				call, who))
				return true;
	return false;
}

struct probe_call probe_of(const struct call_rule *rule, const struct probe_who *who)
{
	struct probe_call call = { .nr = probe_number(rule->call) };

	memset(call.arg, 0xff, sizeof call.arg);
	for (int i = 0; i < CALL_ARGS && rule->arg[i].check; i++) {
		const struct call_arg *a = &rule->arg[i];

		call.arg[a->index] = a->check == CALL_PID ? (uint64_t)who->pid :
			a->check == CALL_SIGNAL ? (uint64_t)who->signal : a->value;
	}
	return call;
}

/* Taken before the filter is there. */
static uint64_t own_pid;

static void make(void *arg)
{
	const struct probe_call *c = arg;
	uint64_t a[6];

	for (int i = 0; i < 6; i++)
		a[i] = c->arg[i] == PROBE_OWN_PID ? own_pid : c->arg[i];
	syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void enter(const struct ukvmm_sandbox_config *config)
{
	static struct sock_filter code[SANDBOX_LONGEST];
	const struct sandbox_filter *f = sandbox_filter_find(config);

	if (!f)
		_exit(NO_FILTER);
	sandbox_filter_complete(f, (pid_t)own_pid, SIGRTMAX - 1, config->on_violation, code);
	if (sandbox_filter_load(code, f->len))
		_exit(NO_FILTER);
}

enum probe_end probe_run(const struct ukvmm_sandbox_config *config, const struct probe_call *call)
{
	enum probe_end end = probe_body(config, make, (void *)(uintptr_t)call);

	if (WIFSIGNALED(last_status) && WTERMSIG(last_status) == SIGALRM)
		fprintf(stderr, "role %u, may %#x: call %ld waits\n", config->role, config->may, call->nr);
	return end;
}

enum probe_end probe_body(const struct ukvmm_sandbox_config *config, void (*body)(void *arg), void *arg)
{
	const struct rlimit none = { 0 };
	int status;
	pid_t pid = fork();

	if (pid < 0)
		abort();
	if (!pid) {
		own_pid = (uint64_t)getpid();
		setrlimit(RLIMIT_CORE, &none);
		alarm(SECONDS); /* a call that waits for ever was let through, and must not hold the test */
		enter(config);
		body(arg);
		/* exit_group is not everybody's */
		for (;;)
			syscall(SYS_exit, 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER) {
		fprintf(stderr, "role %u, may %#x: no filter could be loaded\n", config->role, config->may);
		abort();
	}
	last_status = status;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? PROBE_DIED : PROBE_LIVED;
}

uint32_t probe_configs(struct ukvmm_sandbox_config *out, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t role = UKVMM_ROLE_VCPU; role <= UKVMM_ROLE_WORK; role++)
		for (uint32_t may = 0; may < 2 * UKVMM_MAY_STREAM; may++) {
			struct ukvmm_sandbox_config c = { .size = sizeof c, .role = role, .may = may };

			/* the lesser with the greater is the greater */
			if ((may & UKVMM_MAY_STATE && may & UKVMM_MAY_INSPECT) ||
				(may & UKVMM_MAY_CONNECT && may & UKVMM_MAY_STREAM))
				continue;
			if (sandbox_filter_find(&c) && n < max)
				out[n++] = c;
		}
	return n;
}
