/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run by the build: compiles the rooms' tables to filters, one per set of grants, as a C file. Doing it here
 * spares every process the compiler (libseccomp takes some 200 us and its memory), and makes the filters constant.
 * usage: sandbox-gen > filters.c
 */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox.h"
#include "tables.h"

static void die(const char *what, const char *object, int rc)
{
	fprintf(stderr, "sandbox-gen: %s(%s): %s\n", what, object, strerror(-rc));
	exit(1);
}

static struct scmp_arg_cmp compare(const struct call_arg *a)
{
	struct scmp_arg_cmp c = { .arg = a->index, .op = SCMP_CMP_MASKED_EQ, .datum_a = a->mask,
		.datum_b = a->value };

	if (a->check == CALL_PID || a->check == CALL_SIGNAL) {
		c.datum_a = UINT32_MAX; /* both are ints */
		c.datum_b = a->check == CALL_PID ? SANDBOX_PID : SANDBOX_SIGNAL;
	}
	return c;
}

static void add_rule(scmp_filter_ctx ctx, const struct call_rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->call), rc;
	struct scmp_arg_cmp arg[CALL_ARGS];
	unsigned n = 0;

	if (nr == __NR_SCMP_ERROR)
		die("seccomp_syscall_resolve_name", rule->call, -ENOENT);
	if (nr < 0) /* another architecture's */
		return;
	for (; n < CALL_ARGS && rule->arg[n].check; n++)
		arg[n] = compare(&rule->arg[n]);
	rc = seccomp_rule_add_exact_array(ctx, rule->refuse ? SCMP_ACT_ERRNO(rule->refuse) : SCMP_ACT_ALLOW,
		nr, n, arg);
	if (rc && rc != -EEXIST) /* two rooms may have the same rule */
		die("seccomp_rule_add", rule->call, rc);
}

static scmp_filter_ctx compile(uint16_t grants)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!ctx || seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) ||
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2))
		die("seccomp_init", "filter", -ENOMEM);
	for (size_t t = 0; call_tables[t]; t++)
		for (size_t i = 0; i < call_tables[t]->n; i++)
			if (call_tables[t]->rule[i].grants & grants)
				add_rule(ctx, &call_tables[t]->rule[i]);
	return ctx;
}

static size_t export(scmp_filter_ctx ctx, struct sock_filter *code)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), rc;
	ssize_t n;

	rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	if (rc)
		die("seccomp_export_bpf", "filter", rc);
	n = pread(fd, code, (SANDBOX_LONGEST + 1) * sizeof *code, 0);
	close(fd);
	if (n <= 0 || (size_t)n > SANDBOX_LONGEST * sizeof *code)
		die("seccomp_export_bpf", "filter is too long", -E2BIG);
	return (size_t)n / sizeof *code;
}

static size_t print_filter(size_t index, uint16_t grants)
{
	static struct sock_filter code[SANDBOX_LONGEST + 1];
	scmp_filter_ctx ctx = compile(grants);
	size_t n = export(ctx, code);

	seccomp_release(ctx);
	printf("static const struct sock_filter filter_%zu[] = {\n", index);
	for (size_t i = 0; i < n; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
	printf("};\n\n");
	return n;
}

int main(void)
{
	size_t len[64], n = 0;

	printf("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by sandbox-gen from the rooms' calls.c. */\n"
	       "#include \"sandbox.h\"\n\n");
	for (; call_sets[n]; n++)
		len[n] = print_filter(n, call_sets[n]);
	printf("const struct sandbox_filter sandbox_filters[] = {\n");
	for (size_t i = 0; i < n; i++)
		printf("\t{ 0x%x, %zu, filter_%zu },\n", call_sets[i], len[i], i);
	printf("\t{ 0, 0, 0 },\n};\n");
	return fflush(stdout) || ferror(stdout);
}
