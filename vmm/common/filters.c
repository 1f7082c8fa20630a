/* SPDX-License-Identifier: Apache-2.0 */
#include "filters.h"

#include <ukvmm/sandbox.h>

static int enter(const struct filters *f, struct ukvmm_host *host, uint32_t role, uint32_t may, struct ukvmm_err *err)
{
	struct ukvmm_sandbox_config config = {
		.size = sizeof config,
		.role = role,
		.may = may,
		.on_violation = f->on_violation,
	};

	return f->on ? ukvmm_sandbox_enter(host, &config, err) : 0;
}

static uint32_t connects(const struct filters *f)
{
	return f->vsock ? UKVMM_MAY_STREAM : 0;
}

int filters_setup(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err)
{
	return enter(f, host, UKVMM_ROLE_IO, UKVMM_MAY_CREATE | UKVMM_MAY_THREADS | connects(f), err);
}

int filters_vcpu(const struct filters *f, struct ukvmm_host *host, bool serves, struct ukvmm_err *err)
{
	return enter(f, host, UKVMM_ROLE_VCPU, serves ? UKVMM_MAY_SERVE : 0, err);
}

int filters_io(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err)
{
	return enter(f, host, UKVMM_ROLE_IO, connects(f) | (f->inspect ? UKVMM_MAY_INSPECT : 0), err);
}

int filters_work(const struct filters *f, struct ukvmm_host *host, struct ukvmm_err *err)
{
	return enter(f, host, UKVMM_ROLE_WORK, 0, err);
}
