/* SPDX-License-Identifier: Apache-2.0 */
/* Shells that wait for their VM, by kind; ukvmm_host_work makes up for those that were taken. */
#include <errno.h>
#include <stdlib.h>

#include "err.h"
#include "export.h"
#include "host.h"
#include "structs.h"

static bool kind_equal(const struct shell_kind *a, const struct shell_kind *b)
{
	return a->memory == b->memory && a->vcpus == b->vcpus && a->irqchip == b->irqchip;
}

static struct shell_pool *pool_find(struct ukvmm_host *host, const struct shell_kind *kind)
{
	struct shell_pool *p = host->pools;

	while (p && !kind_equal(&p->kind, kind))
		p = p->next;
	return p;
}

static void pool_put(struct shell_pool *pool, struct shell *shell)
{
	struct ukvmm_host *host = pool->host;

	pthread_mutex_lock(&host->lock);
	shell->next = pool->shells;
	pool->shells = shell;
	pool->ready++;
	pthread_mutex_unlock(&host->lock);
}

/* Makes or frees shells until the pool has its target. `refill`: for the pool's job, which may be queued again from then
 * on. Others fill, too, while it waits in the queue. */
static int pool_fill(struct shell_pool *pool, bool refill, struct ukvmm_err *err)
{
	struct ukvmm_host *host = pool->host;
	struct shell *shell;
	int rc;

	for (;;) {
		bool more;

		shell = NULL;
		pthread_mutex_lock(&host->lock);
		more = pool->ready < pool->target;
		if (pool->ready > pool->target) {
			shell = pool->shells;
			pool->shells = shell->next;
			pool->ready--;
		}
		if (!more && !shell && refill)
			pool->refilling = false;
		pthread_mutex_unlock(&host->lock);
		if (shell) {
			shell_close(shell);
			continue;
		}
		if (!more)
			return 0;
		rc = shell_make(host, &pool->kind, NULL, "shell", &shell, err);
		if (rc)
			break;
		pool_put(pool, shell);
	}
	pthread_mutex_lock(&host->lock);
	if (refill)
		pool->refilling = false;
	pthread_mutex_unlock(&host->lock);
	return rc;
}

static void pool_refill_job(struct job *job)
{
	/* A refill that fails is tried again after the next take; that one makes its own shell and reports. */
	pool_fill((struct shell_pool *)job, true, NULL);
}

struct shell *shell_pool_get(struct ukvmm_host *host, const struct shell_kind *kind)
{
	struct shell_pool *pool;
	struct shell *shell = NULL;
	bool refill = false;

	pthread_mutex_lock(&host->lock);
	pool = pool_find(host, kind);
	if (pool && pool->shells) {
		shell = pool->shells;
		pool->shells = shell->next;
		pool->ready--;
	}
	/* Only threads in ukvmm_host_work refill: without one, a pool is used up and then done. */
	if (pool && host->workers && !pool->refilling && pool->ready < pool->target)
		refill = pool->refilling = true;
	pthread_mutex_unlock(&host->lock);
	if (refill) {
		pool->refill.run = pool_refill_job;
		host_queue(host, &pool->refill);
	}
	return shell;
}

void shell_pools_free(struct ukvmm_host *host)
{
	while (host->pools) {
		struct shell_pool *pool = host->pools;

		host->pools = pool->next;
		while (pool->shells) {
			struct shell *shell = pool->shells;

			pool->shells = shell->next;
			shell_close(shell);
		}
		free(pool);
	}
}

UKVMM_API int ukvmm_host_prepare(struct ukvmm_host *host, const struct ukvmm_vm_config *config,
	uint32_t shells, struct ukvmm_err *err)
{
	struct ukvmm_vm_config c;
	struct shell_kind kind;
	struct shell_pool *pool;
	int rc = struct_take(&c, sizeof c, config);

	if (rc)
		return err_set(err, rc, "ukvmm_host_prepare", "shell", "bad ukvmm_vm_config");
	rc = shell_kind_of(host, &c, &kind, err, "shell");
	if (rc)
		return rc;
	pthread_mutex_lock(&host->lock);
	pool = pool_find(host, &kind);
	if (!pool && shells) {
		pool = calloc(1, sizeof *pool);
		if (pool) {
			pool->host = host;
			pool->kind = kind;
			pool->next = host->pools;
			host->pools = pool;
		}
	}
	if (pool)
		pool->target = shells;
	pthread_mutex_unlock(&host->lock);
	if (!pool)
		return shells ? err_set(err, -ENOMEM, "calloc", "shell", "out of memory") : 0;
	return pool_fill(pool, false, err);
}
