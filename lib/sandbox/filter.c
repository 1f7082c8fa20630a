/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

static uint16_t role_grants(const struct ukvmm_sandbox_config *c)
{
	switch (c->role) {
	case UKVMM_ROLE_VCPU:
		return CALL_VCPU;
	case UKVMM_ROLE_IO:
		return CALL_IO;
	case UKVMM_ROLE_WORK:
		return CALL_WORK;
	}
	return 0;
}

static uint16_t may_grants(uint32_t may)
{
	uint16_t grants = 0;

	if (may & UKVMM_MAY_CREATE)
		grants |= CALL_CREATE;
	if (may & UKVMM_MAY_THREADS)
		grants |= CALL_THREADS | CALL_SERVE | CALL_EVERY;
	if (may & UKVMM_MAY_SERVE)
		grants |= CALL_SERVE;
	if (may & UKVMM_MAY_CONNECT)
		grants |= CALL_CONNECT | CALL_STREAM;
	if (may & UKVMM_MAY_STREAM)
		grants |= CALL_STREAM;
	if (may & UKVMM_MAY_STATE)
		grants |= CALL_STATE;
	else if (may & UKVMM_MAY_INSPECT) /* of which that is a part */
		grants |= CALL_INSPECT;
	return grants;
}

const struct sandbox_filter *sandbox_filter_find(const struct ukvmm_sandbox_config *c)
{
	const uint32_t io = UKVMM_MAY_CREATE | UKVMM_MAY_THREADS | UKVMM_MAY_CONNECT | UKVMM_MAY_STATE |
		UKVMM_MAY_INSPECT | UKVMM_MAY_STREAM;
	const uint32_t vcpu = UKVMM_MAY_SERVE | UKVMM_MAY_CONNECT;
	const uint32_t of_role[] = { 0, vcpu, io, UKVMM_MAY_CREATE };
	uint16_t role = role_grants(c), grants = role | may_grants(c->may);

	if (!role || c->may & ~of_role[c->role] || c->on_violation > UKVMM_VIOLATION_LOG)
		return NULL;
	/* streams are served by who serves their device */
	if (c->role == UKVMM_ROLE_VCPU && c->may == UKVMM_MAY_CONNECT)
		return NULL;
	for (const struct sandbox_filter *f = sandbox_filters; f->grants; f++)
		if (f->grants == grants)
			return f;
	return NULL;
}

static uint32_t action(uint32_t on_violation)
{
	switch (on_violation) {
	case UKVMM_VIOLATION_TRAP:
		return SECCOMP_RET_TRAP;
	case UKVMM_VIOLATION_LOG:
		return SECCOMP_RET_LOG;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

void sandbox_filter_complete(const struct sandbox_filter *f, pid_t pid, int signal, uint32_t on_violation,
	struct sock_filter *code)
{
	memcpy(code, f->code, f->len * sizeof *code);
	for (uint16_t i = 0; i < f->len; i++) {
		uint16_t class = BPF_CLASS(code[i].code);

		if (class == BPF_JMP && code[i].k == SANDBOX_PID)
			code[i].k = (uint32_t)pid;
		else if (class == BPF_JMP && code[i].k == SANDBOX_SIGNAL)
			code[i].k = (uint32_t)signal;
		else if (class == BPF_RET && code[i].k == SECCOMP_RET_KILL_PROCESS)
			code[i].k = action(on_violation);
	}
}

static int load(const struct sock_fprog *prog)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, prog) ? -errno : 0;
}

int sandbox_filter_load(const struct sock_filter *code, uint16_t len)
{
	const struct sock_fprog prog = { .len = len, .filter = (struct sock_filter *)(uintptr_t)code };
	int rc = load(&prog);

	/* asked for only where it is missing: a thread under a filter may not be allowed to set it */
	if (rc == -EACCES && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = load(&prog);
	return rc;
}
