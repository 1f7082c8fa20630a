/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "err.h"
#include "export.h"
#include "lineage.h"
#include "structs.h"

/* With nobody in ukvmm_host_work, so many jobs may wait before a caller runs its own. */
enum { JOBS_WAITING = 64 };

static int host_alloc(struct ukvmm_host **out, const struct ukvmm_host_config *c)
{
	struct ukvmm_host *host = calloc(1, sizeof *host);
	pthread_condattr_t attr;

	if (!host)
		return -ENOMEM;
	host->kick_signal = c->kick_signal ? (int)c->kick_signal : SIGRTMAX - 1;
	host->max_vms = c->max_vms;
	host->jobs_tail = &host->jobs;
	engine_threads_init(&host->threads, host);
	pthread_mutex_init(&host->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&host->work, &attr);
	pthread_condattr_destroy(&attr);
	*out = host;
	return 0;
}

static void host_free(struct ukvmm_host *host)
{
	pthread_cond_destroy(&host->work);
	pthread_mutex_destroy(&host->lock);
	lineage_unref(host->process);
	free(host);
}

int host_open_on(struct ukvmm_host **out, const struct kvm_sys *sys, int kvm_fd,
	const struct ukvmm_host_config *config, struct ukvmm_err *err)
{
	struct ukvmm_host_config c;
	struct ukvmm_host *host;
	int rc = struct_take(&c, sizeof c, config);

	*out = NULL;
	if (!rc && (c.flags & ~UKVMM_HOST_URING || (int)c.kick_signal < 0 || (int)c.kick_signal > SIGRTMAX))
		rc = -EINVAL;
	if (rc)
		return err_set(err, rc, "ukvmm_host_open", "host", "bad ukvmm_host_config");
	rc = host_alloc(&host, &c);
	if (rc)
		return err_set(err, rc, "calloc", "host", "out of memory");
	rc = lineage_new(&host->process, err);
	if (!rc)
		rc = kvm_host_init(&host->kvm, sys, kvm_fd, err);
	if (rc) {
		host_free(host);
		return rc;
	}
	if (c.flags & UKVMM_HOST_URING)
		host_ring_now(host);
	*out = host;
	return 0;
}

UKVMM_API int ukvmm_host_open(struct ukvmm_host **out, int kvm_fd, const struct ukvmm_host_config *config,
	struct ukvmm_err *err)
{
	return host_open_on(out, &kvm_sys_linux, kvm_fd, config, err);
}

UKVMM_API int ukvmm_host_close(struct ukvmm_host *host)
{
	bool busy;

	if (!host)
		return 0;
	pthread_mutex_lock(&host->lock);
	busy = host->live_vms || host->pollers || host->images || host->workers;
	pthread_mutex_unlock(&host->lock);
	if (busy)
		return -EBUSY;
	host_drain(host);
	if (host->uring) {
		uring_drain(host->uring);
		host_drain(host); /* what the ring could not do */
		uring_free(host->uring);
	}
	shell_pools_free(host);
	kvm_host_fini(&host->kvm);
	host_free(host);
	return 0;
}

UKVMM_API int ukvmm_host_info(struct ukvmm_host *host, struct ukvmm_host_info *info)
{
	struct ukvmm_host_info i = { .api_version = 12 };

	i.vendor = (uint32_t)host->kvm.vendor;
	i.max_vcpus = host->kvm.max_vcpus;
	i.tsc_khz = host->kvm.tsc_khz;
	snprintf(i.vendor_name, sizeof i.vendor_name, "%s", kvm_vendor_name(host->kvm.vendor));
	pthread_mutex_lock(&host->lock);
	i.live_vms = host->live_vms;
	i.queued_jobs = host->jobs_len;
	for (struct shell_pool *p = host->pools; p; p = p->next)
		i.pooled_shells += p->ready;
	pthread_mutex_unlock(&host->lock);
	return struct_give(info, &i, sizeof i);
}

struct lineage *host_process(struct ukvmm_host *host, struct ukvmm_err *err)
{
	struct lineage *own = NULL;

	pthread_mutex_lock(&host->lock);
	if (lineage_pid(host->process))
		own = host->process;
	else if (!lineage_new(&own, err))
		host->process = own; /* of what it was there is a wiped page, which stays */
	pthread_mutex_unlock(&host->lock);
	return own;
}

int host_count_vm(struct ukvmm_host *host, int by)
{
	int rc = 0;

	pthread_mutex_lock(&host->lock);
	if (by > 0 && host->max_vms && host->live_vms >= host->max_vms)
		rc = -EAGAIN;
	else
		host->live_vms += (uint32_t)by;
	pthread_mutex_unlock(&host->lock);
	return rc;
}

/* Call with the lock held; NULL: none. */
static struct job *job_take(struct ukvmm_host *host)
{
	struct job *job = host->jobs;

	if (!job)
		return NULL;
	host->jobs = job->next;
	if (!host->jobs)
		host->jobs_tail = &host->jobs;
	host->jobs_len--;
	return job;
}

void host_queue(struct ukvmm_host *host, struct job *job)
{
	bool inline_now;

	job->next = NULL;
	pthread_mutex_lock(&host->lock);
	inline_now = !host->workers && host->jobs_len >= JOBS_WAITING;
	if (!inline_now) {
		*host->jobs_tail = job;
		host->jobs_tail = &job->next;
		host->jobs_len++;
	}
	pthread_mutex_unlock(&host->lock);
	if (inline_now)
		job->run(job);
	else /* not with the lock: who wakes up would wait for it at once */
		pthread_cond_signal(&host->work);
}

void host_drain(struct ukvmm_host *host)
{
	struct job *job;

	for (;;) {
		pthread_mutex_lock(&host->lock);
		job = job_take(host);
		pthread_mutex_unlock(&host->lock);
		if (!job)
			return;
		job->run(job);
	}
}

/* Waits for a job; false when `until` came first. With the lock held. */
static bool work_wait(struct ukvmm_host *host, uint64_t until)
{
	struct timespec t = { .tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u) };

	if (!until)
		return !pthread_cond_wait(&host->work, &host->lock);
	if (until <= ukvmm_now()) /* "what is queued now": not worth a system call */
		return false;
	return pthread_cond_timedwait(&host->work, &host->lock, &t) != ETIMEDOUT;
}

/* Between two jobs, since those of a busy disk never end. What waited when the caller came is done in any case, or an
 * `until` that is past would do nothing. With the lock held. */
static bool work_over(const struct ukvmm_host *host, uint64_t until, uint32_t left)
{
	return host->stopping || (until && !left && until <= ukvmm_now());
}

UKVMM_API int ukvmm_host_work(struct ukvmm_host *host, uint64_t until)
{
	struct job *job;
	uint32_t left;
	int done = 0;

	pthread_mutex_lock(&host->lock);
	host->workers++;
	left = host->jobs_len;
	while (!work_over(host, until, left)) {
		job = job_take(host);
		left -= left > 0;
		if (job) {
			pthread_mutex_unlock(&host->lock);
			job->run(job);
			done++;
			pthread_mutex_lock(&host->lock);
			continue;
		}
		if (!work_wait(host, until))
			break;
	}
	host->workers--;
	/* who leaves may have been woken for a job that is another's now */
	if (host->jobs)
		pthread_cond_signal(&host->work);
	pthread_mutex_unlock(&host->lock);
	return done;
}

UKVMM_API void ukvmm_host_stop(struct ukvmm_host *host)
{
	pthread_mutex_lock(&host->lock);
	host->stopping = true;
	pthread_cond_broadcast(&host->work);
	pthread_mutex_unlock(&host->lock);
}
