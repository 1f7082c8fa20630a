/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "failure.h"
#include "guest.h"

enum {
	/* How long a guest runs before the io thread is woken for it: many a unikernel is done by then. */
	ALONE_NS = 1000 * 1000,
	/* The library looks for a guest that halted for good whenever a slice ends. It is one that does nothing, as others
	 * that only wait do, whose slices get longer while they do: a hundred of them are looked at ten times a second else. */
	SLICE_NS = 100 * 1000 * 1000,
	IDLE_NS = 1000 * 1000, /* CPU time of a slice in which nothing was done */
	/* Requests of one disk that may wait for the medium at the same time, and of all. */
	THREADS_PER_DISK = 4,
	THREADS_MAX = 16,
	EXIT_FAILED = 125,
};

struct vcpu {
	struct guest *guest;
	struct ukvmm_vcpu *vcpu;
	struct outcome *outcome;
};

void guest_failed(const struct guest *g, enum message_phase phase, uint32_t index, const struct ukvmm_err *err)
{
	struct message_failed m = { .phase = phase, .index = index, .err = *err };

	message_send(g->sock, MESSAGE_FAILED, &m);
	_exit(EXIT_FAILED);
}

/* True while the vCPU is to be run again at once. */
static bool goes_on(const struct outcome *o)
{
	return o->rc >= 0 && (o->stop.reason == UKVMM_STOP_SLICE || o->stop.reason == UKVMM_STOP_KICKED ||
				     o->stop.reason == UKVMM_STOP_IDLE || o->stop.reason == UKVMM_STOP_PAUSED);
}

/* A vCPU that parks, or is paused, waits for its event here: the thread has nothing else to do. */
static void await_runnable(struct guest *g)
{
	while (sem_wait(&g->runnable) < 0 && errno == EINTR)
		;
}

void guest_runnable(struct guest *g)
{
	sem_post(&g->runnable);
}

static void run_for(struct vcpu *v, uint64_t slice_ns)
{
	struct ukvmm_limits limits = { .size = sizeof limits, .slice_ns = slice_ns };
	struct outcome *o = v->outcome;

	o->stop = (struct ukvmm_stop){ .size = sizeof o->stop };
	o->err = (struct ukvmm_err){ .size = sizeof o->err };
	o->rc = ukvmm_vcpu_run(v->vcpu, &limits, &o->stop, &o->err);
}

/* The thread stays, and its filter with it, until the io thread ends the process. */
__attribute__((noreturn)) static void rest(void)
{
	static sem_t never;

	for (;;)
		sem_wait(&never);
}

#define SLICE_MOST_NS 1600000000ull

static uint64_t own_cpu(void)
{
	struct timespec t;

	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0 ? 0 :
		(uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next_slice(uint64_t last, uint64_t cpu)
{
	if (cpu > IDLE_NS)
		return SLICE_NS;
	return last < SLICE_MOST_NS ? last * 2 : last;
}

__attribute__((noreturn)) static void run_vcpu(struct vcpu *v)
{
	struct guest *g = v->guest;
	uint64_t slice = SLICE_NS, then = own_cpu(), now;

	while (goes_on(v->outcome)) {
		run_for(v, slice);
		now = own_cpu();
		slice = next_slice(slice, now - then);
		then = now;
		if (v->outcome->rc >= 0 && (v->outcome->stop.reason == UKVMM_STOP_IDLE ||
						   v->outcome->stop.reason == UKVMM_STOP_PAUSED))
			await_runnable(g);
	}
	/* after a failure of ours the other vCPUs would go on */
	ukvmm_vm_stop(g->vm);
	atomic_fetch_add(&g->out, 1);
	guest_io_wake(g);
	rest();
}

static bool has_devices(const struct guest *g)
{
	return g->job.disks_len + g->job.nets_len || g->job.flags & (JOB_RNG | JOB_CONSOLE | JOB_VSOCK);
}

/* Only a Solo5 guest's vCPU does its devices' work, whose hypercalls end when that is done. It would save others a
 * change of threads, too, at the price of twice as many calls for whoever breaks out of one. */
static void drop(struct guest *g)
{
	struct ukvmm_image_info info = { .size = sizeof info };
	struct ukvmm_err err = { .size = sizeof err };

	ukvmm_image_info(g->image, &info);
	if (filters_vcpu(&g->filters, g->host, info.boot == UKVMM_BOOT_HVT, &err) < 0)
		guest_failed(g, PHASE_RUN, 0, &err);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;

	drop(v->guest);
	run_vcpu(v);
}

static void *work(void *arg)
{
	struct guest *g = arg;
	struct ukvmm_err err = { .size = sizeof err };

	if (filters_work(&g->filters, g->host, &err) < 0)
		guest_failed(g, PHASE_RUN, 0, &err);
	/* it dies with the process */
	ukvmm_host_work(g->host, 0);
	return NULL;
}

static int lend(struct guest *g)
{
	uint32_t len = g->job.disks_len * THREADS_PER_DISK;
	pthread_t thread;
	int rc = 0;

	if (len > THREADS_MAX)
		len = THREADS_MAX;
	for (uint32_t i = 0; i < len && rc == 0; i++)
		rc = -pthread_create(&thread, NULL, work, g);
	return rc;
}

/* Arrays for all, threads for all but the first, which is ours. */
static int start_threads(struct guest *g, struct vcpu **vcpus)
{
	struct vcpu *v = calloc(g->job.vcpus, sizeof *v);
	struct outcome *o = calloc(g->job.vcpus, sizeof *o);
	pthread_t thread;
	int rc = v && o ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < g->job.vcpus && rc == 0; i++) {
		o[i].stop.reason = UKVMM_STOP_SLICE;
		v[i] = (struct vcpu){ .guest = g, .outcome = &o[i] };
		rc = ukvmm_vm_vcpu(g->vm, i, &v[i].vcpu);
	}
	*vcpus = v;
	g->outcome = o;
	g->in = g->job.vcpus;
	if (rc == 0)
		rc = lend(g);
	for (uint32_t i = 1; i < g->job.vcpus && rc == 0; i++)
		rc = -pthread_create(&thread, NULL, vcpu_thread, &v[i]);
	return rc;
}

void guest_run(struct guest *g)
{
	/* devices want their poller from the first moment */
	bool alone = g->job.vcpus == 1 && !has_devices(g);
	struct ukvmm_err err;
	struct vcpu *v;
	int rc = start_threads(g, &v);

	if (rc < 0) {
		failure(&err, rc, "pthread_create", g->job.name);
		guest_failed(g, PHASE_RUN, 0, &err);
	}
	drop(g);
	if (alone)
		run_for(v, ALONE_NS);
	if (goes_on(v->outcome))
		guest_io_wake(g);
	run_vcpu(v);
}
