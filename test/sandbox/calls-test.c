/* SPDX-License-Identifier: Apache-2.0 */
/* Each filter lets through what the tables say and nothing else: one process per call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

enum { CONFIGS = 64, LAST_CALL = 511 /* more than any architecture of Linux has */ };

static const char *config_name(const struct ukvmm_sandbox_config *c)
{
	static const char *const roles[] = { "?", "vcpu", "io", "work" };
	static char name[64];

	snprintf(name, sizeof name, "%s, may %#x", roles[c->role], c->may);
	return name;
}

static uint16_t grants_of(const struct ukvmm_sandbox_config *c)
{
	return sandbox_filter_find(c)->grants;
}

static const struct probe_who own = { .pid = -2, .signal = 0 };

/* rt_sigreturn from nowhere ends a process in any way there is: trap_is_reported_and_harmless has it. */
static bool is_sigreturn(long nr)
{
	return nr == probe_number("rt_sigreturn");
}

/* The kernel's own trampolines for user probes pass any filter (Linux 6.14); called from elsewhere they do nothing. */
static bool passes_any_filter(long nr)
{
#ifdef __x86_64__
	return nr == 335 || nr == 336;
#else
	return nr < 0;
#endif
}

/* Of a call that some arguments pass and others do not, this asks with those that do not. */
static bool probe_number_of(const struct ukvmm_sandbox_config *c, long nr)
{
	struct probe_call call = { .nr = nr };
	enum probe_end want;

	memset(call.arg, 0xff, sizeof call.arg);
	want = probe_allowed(grants_of(c), &call, &own) ? PROBE_LIVED : PROBE_DIED;
	if (probe_run(c, &call) == want)
		return true;
	print_error("%s: call %ld %s\n", config_name(c), nr, want == PROBE_DIED ? "lives" : "dies");
	return false;
}

static void every_number_dies_or_is_in_a_table(void **state)
{
	struct ukvmm_sandbox_config config[CONFIGS];
	uint32_t n = probe_configs(config, CONFIGS), wrong = 0;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		for (long nr = 0; nr <= LAST_CALL; nr++)
			wrong += !passes_any_filter(nr) && !is_sigreturn(nr) && !probe_number_of(&config[i], nr);
	assert_int_equal(wrong, 0);
}

static bool probe_rule(const struct ukvmm_sandbox_config *c, const struct call_rule *rule)
{
	const struct probe_who who = { .pid = (pid_t)-3, .signal = SIGRTMAX - 1 };
	struct probe_call call = probe_of(rule, &who);

	if (call.nr < 0 || is_sigreturn(call.nr)) /* < 0: another architecture's */
		return true;
	for (int i = 0; i < CALL_ARGS && rule->arg[i].check; i++)
		if (rule->arg[i].check == CALL_PID)
			call.arg[rule->arg[i].index] = PROBE_OWN_PID;
	if (probe_run(c, &call) == PROBE_LIVED)
		return true;
	print_error("%s: %s (%s) dies\n", config_name(c), rule->call, rule->why);
	return false;
}

static void every_rule_lets_its_call_through(void **state)
{
	struct ukvmm_sandbox_config config[CONFIGS];
	uint32_t n = probe_configs(config, CONFIGS), wrong = 0;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		for (size_t t = 0; call_tables[t]; t++)
			for (size_t r = 0; r < call_tables[t]->n; r++)
				if (call_tables[t]->rule[r].grants & grants_of(&config[i]))
					wrong += !probe_rule(&config[i], &call_tables[t]->rule[r]);
	assert_int_equal(wrong, 0);
}

/* One bit changed in one argument that is looked at: dies, unless another rule lets that through. */
static bool probe_neighbours(const struct ukvmm_sandbox_config *c, const struct call_rule *rule)
{
	static const int bits[] = { 0, 1, 2, 3, 4, 5, 8, 11, 15, 16, 30 };
	const struct probe_who who = { .pid = -3, .signal = SIGRTMAX - 1 };
	bool right = true;

	for (int a = 0; a < CALL_ARGS && rule->arg[a].check; a++)
		for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
			struct probe_call call = probe_of(rule, &who);
			enum probe_end want;

			if (call.nr < 0 || (rule->arg[a].check == CALL_MASKED && !(rule->arg[a].mask >> bits[b] & 1)))
				continue;
			call.arg[rule->arg[a].index] ^= 1ull << bits[b];
			want = probe_allowed(grants_of(c), &call, &who) ? PROBE_LIVED : PROBE_DIED;
			/* the oracle's pid is nobody's: such a call dies in any case */
			if (probe_run(c, &call) == want)
				continue;
			print_error("%s: %s (%s): bit %d of argument %u changed %s\n", config_name(c),
				rule->call, rule->why,
				bits[b], rule->arg[a].index, want == PROBE_DIED ? "lives" : "dies");
			right = false;
		}
	return right;
}

static void arguments_are_pinned(void **state)
{
	struct ukvmm_sandbox_config config[CONFIGS];
	uint32_t n = probe_configs(config, CONFIGS), wrong = 0;

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		/* the narrowest of each role and the widest: between them is nothing new */
		if (config[i].may && !(config[i].role == UKVMM_ROLE_IO && i + 1 < n &&
			config[i + 1].role == UKVMM_ROLE_WORK))
			continue;
		for (size_t t = 0; call_tables[t]; t++)
			for (size_t r = 0; r < call_tables[t]->n; r++)
				if (call_tables[t]->rule[r].grants & grants_of(&config[i]))
					wrong += !probe_neighbours(&config[i], &call_tables[t]->rule[r]);
	}
	assert_int_equal(wrong, 0);
}

/* Distinct calls; those that are refused with an errno are none. */
static uint32_t count(uint16_t grants)
{
	uint32_t n = 0;

	for (long nr = 0; nr <= LAST_CALL; nr++) {
		bool any = false;

		for (size_t t = 0; call_tables[t]; t++)
			for (size_t r = 0; r < call_tables[t]->n; r++) {
				const struct call_rule *rule = &call_tables[t]->rule[r];

				any = any || (rule->grants & grants && !rule->refuse &&
					probe_number(rule->call) == nr);
			}
		n += any;
	}
	return n;
}

static void running_threads_have_few(void **state)
{
	(void)state;
	print_message("vcpu %u, with devices %u, io %u, of a worker at most %u, work %u\n", count(CALL_VCPU),
		count(CALL_VCPU | CALL_SERVE), count(CALL_IO), count(CALL_IO | CALL_STREAM | CALL_INSPECT),
		count(CALL_WORK));
	assert_in_range(count(CALL_VCPU), 1, 15);
	/* what vmm/common/filters.c gives an io thread, whatever its job has */
	assert_in_range(count(CALL_IO | CALL_STREAM | CALL_INSPECT), 1, 30);
	assert_in_range(count(CALL_WORK), 1, 30);
}

static volatile sig_atomic_t trapped;

static void on_trap(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	trapped = info->si_syscall;
}

static void call_forbidden(void *arg)
{
	const long forbidden = SYS_socket;

	(void)arg;
	syscall(forbidden, AF_INET, SOCK_STREAM, 0);
	syscall(SYS_exit, trapped != forbidden); /* the handler has returned */
}

static void trap_is_reported_and_harmless(void **state)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO }, before;
	struct ukvmm_sandbox_config config[CONFIGS];
	uint32_t n = probe_configs(config, CONFIGS);

	(void)state;
	sigaction(SIGSYS, &action, &before);
	for (uint32_t i = 0; i < n; i++) {
		config[i].on_violation = UKVMM_VIOLATION_TRAP;
		assert_int_equal(probe_body(&config[i], call_forbidden, NULL), PROBE_LIVED);
		assert_int_equal(probe_status(), 0);
	}
	sigaction(SIGSYS, &before, NULL);
}

static void logged_calls_are_made(void **state)
{
	const struct ukvmm_sandbox_config config = { .role = UKVMM_ROLE_VCPU, .on_violation = UKVMM_VIOLATION_LOG };
	/* exit_group(7) is not a vCPU's */
	const struct probe_call call = { .nr = SYS_exit_group, .arg = { 7 } };

	(void)state;
	assert_int_equal(probe_run(&config, &call), PROBE_LIVED);
	assert_int_equal(probe_status(), 7 << 8);
}

#ifdef __x86_64__
static void other_abi(void *arg)
{
	(void)arg;
	/* getegid32 of the 32-bit table, whose number is futex's in the 64-bit one */
	__asm__ volatile("int $0x80" : : "a"(202) : "memory");
}

static void other_abis_die(void **state)
{
	struct ukvmm_sandbox_config config[CONFIGS];
	uint32_t n = probe_configs(config, CONFIGS);
	const struct probe_call x32 = { .nr = 0x40000000 | SYS_futex };

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(probe_body(&config[i], other_abi, NULL), PROBE_DIED);
		assert_int_equal(probe_run(&config[i], &x32), PROBE_DIED);
	}
}
#endif

static void configs_that_are_none_are_refused(void **state)
{
	const struct ukvmm_sandbox_config none[] = { { .role = 0 }, { .role = 4 },
		{ .role = UKVMM_ROLE_VCPU, .may = UKVMM_MAY_CREATE },
		{ .role = UKVMM_ROLE_VCPU, .may = UKVMM_MAY_CONNECT },
		{ .role = UKVMM_ROLE_IO, .may = UKVMM_MAY_SERVE }, { .role = UKVMM_ROLE_IO, .may = 128 },
		{ .role = UKVMM_ROLE_VCPU, .may = UKVMM_MAY_SERVE | UKVMM_MAY_STREAM },
		{ .role = UKVMM_ROLE_WORK, .may = UKVMM_MAY_THREADS }, { .role = UKVMM_ROLE_IO, .on_violation = 3 } };
	struct ukvmm_sandbox_config config[CONFIGS];

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_null(sandbox_filter_find(&none[i]));
	assert_int_equal(probe_configs(config, CONFIGS), 3 + 36 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configs_that_are_none_are_refused),
		cmocka_unit_test(running_threads_have_few),
		cmocka_unit_test(every_rule_lets_its_call_through),
		cmocka_unit_test(every_number_dies_or_is_in_a_table),
		cmocka_unit_test(arguments_are_pinned),
		cmocka_unit_test(trap_is_reported_and_harmless),
		cmocka_unit_test(logged_calls_are_made),
#ifdef __x86_64__
		cmocka_unit_test(other_abis_die),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
