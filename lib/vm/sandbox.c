/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of ukvmm/sandbox.h that know the host. */
#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "export.h"
#include "host.h"
#include "lineage.h"
#include "structs.h"

static const struct sandbox_filter *choose(const struct ukvmm_sandbox_config *config, struct ukvmm_sandbox_config *c)
{
	if (!config || struct_take(c, sizeof *c, config))
		return NULL;
	return sandbox_filter_find(c);
}

/* From here on vCPU threads leave devices alone: a filter that is about to be loaded would not let them. */
static void serve_where_allowed(struct ukvmm_host *host, const struct ukvmm_sandbox_config *c)
{
	if (c->role == UKVMM_ROLE_VCPU && !(c->may & UKVMM_MAY_SERVE))
		atomic_store(&host->poller_serves, true);
}

/* A thread that is under a filter already may not ask the kernel. */
static pid_t process_of(struct ukvmm_host *host)
{
	const struct lineage *own = host_process(host, NULL);

	return own ? lineage_pid(own) : getpid();
}

UKVMM_API int ukvmm_sandbox_enter(struct ukvmm_host *host, const struct ukvmm_sandbox_config *config,
	struct ukvmm_err *err)
{
	struct ukvmm_sandbox_config c;
	const struct sandbox_filter *f = choose(config, &c);
	struct sock_filter code[SANDBOX_LONGEST];
	int rc;

	if (!f)
		return err_set(err, -EINVAL, "ukvmm_sandbox_enter", "thread", "bad ukvmm_sandbox_config");
	serve_where_allowed(host, &c);
	sandbox_filter_complete(f, process_of(host), host->kick_signal, c.on_violation, code);
	rc = sandbox_filter_load(code, f->len);
	return rc ? err_set(err, rc, "seccomp", "thread", "%s", strerror(-rc)) : 0;
}

UKVMM_API int64_t ukvmm_sandbox_bpf(struct ukvmm_host *host, const struct ukvmm_sandbox_config *config, void *filters,
	size_t bytes)
{
	struct ukvmm_sandbox_config c;
	const struct sandbox_filter *f = choose(config, &c);
	struct sock_filter code[SANDBOX_LONGEST];
	size_t need;

	if (!f)
		return -EINVAL;
	need = f->len * sizeof code[0];
	if (bytes < need)
		return (int64_t)need;
	serve_where_allowed(host, &c);
	sandbox_filter_complete(f, process_of(host), host->kick_signal, c.on_violation, code);
	memcpy(filters, code, need);
	return (int64_t)need;
}
