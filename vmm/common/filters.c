/* SPDX-License-Identifier: Apache-2.0 */
#include "filters.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

#include "failure.h"

static int make(struct filter *f, struct ukvmm_host *host, uint32_t role, uint32_t may, uint32_t on_violation)
{
	struct ukvmm_sandbox_config config = {
		.size = sizeof config, .role = role, .may = may, .on_violation = on_violation,
	};
	int64_t bytes = ukvmm_sandbox_bpf(host, &config, f->code, sizeof f->code);

	if (bytes < 0)
		return (int)bytes;
	if ((uint64_t)bytes > sizeof f->code)
		return -E2BIG;
	f->len = (uint32_t)((size_t)bytes / sizeof f->code[0]);
	return 0;
}

int filters_make(struct filters *f, struct ukvmm_host *host, uint32_t on_violation, struct ukvmm_err *err)
{
	int rc = make(&f->io, host, UKVMM_ROLE_IO, 0, on_violation);

	if (rc == 0)
		rc = make(&f->work, host, UKVMM_ROLE_WORK, 0, on_violation);
	if (rc == 0)
		rc = make(&f->vcpu_serves, host, UKVMM_ROLE_VCPU, UKVMM_MAY_SERVE, on_violation);
	f->on = rc == 0;
	f->on_violation = on_violation;
	return rc < 0 ? failure(err, rc, "ukvmm_sandbox_bpf", "worker") : 0;
}

int filters_setup(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err)
{
	struct ukvmm_sandbox_config config = {
		.size = sizeof config,
		.role = UKVMM_ROLE_IO,
		.may = UKVMM_MAY_CREATE | UKVMM_MAY_THREADS,
		.on_violation = f->on_violation,
	};

	return f->on ? ukvmm_sandbox_enter(host, &config, err) : 0;
}

int filters_enter(const struct filters *f, const struct filter *filter)
{
	struct sock_fprog program = {
		.len = (unsigned short)filter->len,
		.filter = (struct sock_filter *)(uintptr_t)filter->code,
	};

	if (!f->on)
		return 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
