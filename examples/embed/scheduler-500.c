/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 500 VMs, one epoll loop, four vCPU threads (a vCPU stays on its thread), time slices, CPU accounting.
 * VMs that still live after SECONDS are stopped. usage: scheduler-500 IMAGE [SECONDS]
 */
#include <ukvmm/ukvmm.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cost.h"

enum { VMS = 500, THREADS = 4 };

struct job {
	struct ukvmm_vm *vm;
	struct ukvmm_vcpu *cpu;
	struct job *next;
	uint64_t id;
};

struct runq {
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct job *head, **tail;
	int quit;
};

static struct job jobs[VMS];
static struct runq queues[THREADS];
static atomic_int left = VMS, ended, failed;
static atomic_ullong cpu_ns, io_ns, idle_stops;
static int done_fd;

static void put(struct job *j) /* into the queue of its home thread */
{
	struct runq *q = &queues[j->id % THREADS];

	pthread_mutex_lock(&q->lock);
	j->next = NULL;
	*q->tail = j;
	q->tail = &j->next;
	pthread_cond_signal(&q->some);
	pthread_mutex_unlock(&q->lock);
}

static struct job *take(struct runq *q)
{
	struct job *j;

	pthread_mutex_lock(&q->lock);
	while (!q->head && !q->quit)
		pthread_cond_wait(&q->some, &q->lock);
	j = q->head;
	if (j && !(q->head = j->next))
		q->tail = &q->head;
	pthread_mutex_unlock(&q->lock);
	return j;
}

static void finish(struct job *j) /* the thread that got the last stop is the only owner */
{
	struct ukvmm_vcpu_stats c = { .size = sizeof c };
	struct ukvmm_vm_stats s = { .size = sizeof s };

	ukvmm_vcpu_stats(j->cpu, &c);
	ukvmm_vm_stats(j->vm, &s);
	atomic_fetch_add(&cpu_ns, c.run_cpu_ns);
	atomic_fetch_add(&io_ns, s.io_cpu_ns);
	if (atomic_fetch_sub(&left, 1) == 1)
		eventfd_write(done_fd, 1);
}

static void *vcpu_thread(void *arg)
{
	/* slice: wall time, as a halted vCPU holds this thread that long; cpu_ns: total, kept by the library */
	const struct ukvmm_limits lim = { .size = sizeof lim, .slice_ns = 5000000, .cpu_ns = 10000000000u };
	struct job *j;

	while ((j = take(arg))) {
		struct ukvmm_stop stop = { .size = sizeof stop };
		struct ukvmm_err err = { .size = sizeof err };

		if (ukvmm_vcpu_run(j->cpu, &lim, &stop, &err) < 0 || stop.reason == UKVMM_STOP_FAULT) {
			fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
			atomic_fetch_add(&failed, 1);
			finish(j);
			continue;
		}
		switch (stop.reason) {
		case UKVMM_STOP_SLICE:
		case UKVMM_STOP_KICKED:
			put(j);
			break;
		case UKVMM_STOP_IDLE: /* parked: RUNNABLE puts it back, even if the interrupt came first */
			atomic_fetch_add(&idle_stops, 1);
			break;
		case UKVMM_STOP_DEADLINE: /* of CPU time: ask, and take the last stop */
			ukvmm_vm_stop(j->vm);
			put(j);
			break;
		default:
			if (stop.reason == UKVMM_STOP_POWEROFF)
				atomic_fetch_add(&ended, 1);
			finish(j);
		}
	}
	return NULL;
}

static void *work_thread(void *host)
{
	ukvmm_host_work(host, 0);
	return NULL;
}

static int make(struct ukvmm_poller *io, struct ukvmm_image *image, struct job *j, struct ukvmm_err *err)
{
	const struct ukvmm_vm_config c = { .size = sizeof c, .flags = UKVMM_VM_PARK_IDLE,
		.memory = 16u << 20, .cookie = j->id };
	int rc;

	if ((rc = ukvmm_vm_new(io, "job", image, &c, &j->vm, err)) < 0 || (rc = ukvmm_vm_seal(j->vm, err)) < 0)
		return rc;
	return ukvmm_vm_vcpu(j->vm, 0, &j->cpu);
}

static void loop(struct ukvmm_poller *io, int ep, uint64_t until)
{
	struct ukvmm_event ev[64];
	struct epoll_event e;

	while (atomic_load(&left)) {
		uint64_t now = ukvmm_now();

		epoll_wait(ep, &e, 1, until > now ? (int)((until - now) / 1000000 + 1) : -1);
		for (int i = 0, n = ukvmm_poller_run(io, ev, 64, 1000000); i < n; i++)
			if (ev[i].type == UKVMM_EV_RUNNABLE)
				put(&jobs[ev[i].cookie]);
		if (until && ukvmm_now() >= until) {
			cost_print("while they live", VMS);
			for (int i = 0; i < VMS; i++)
				ukvmm_vm_stop(jobs[i].vm);
			until = 0;
		}
	}
}

static void start(pthread_t *t, pthread_t *w, struct ukvmm_host *host)
{
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, vcpu_thread, &queues[i]);
	pthread_create(w, NULL, work_thread, host);
}

static void join(pthread_t *t)
{
	for (int i = 0; i < THREADS; i++) {
		struct runq *q = &queues[i];

		pthread_mutex_lock(&q->lock);
		q->quit = 1;
		pthread_cond_broadcast(&q->some);
		pthread_mutex_unlock(&q->lock);
		pthread_join(t[i], NULL);
	}
}

static int init(const char *seconds, uint64_t *until)
{
	struct rlimit fds;

	for (int i = 0; i < THREADS; i++)
		queues[i] = (struct runq){ PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL,
			&queues[i].head, 0 };
	*until = ukvmm_now() + strtoull(seconds, NULL, 10) * 1000000000u;
	done_fd = eventfd(0, EFD_CLOEXEC);
	getrlimit(RLIMIT_NOFILE, &fds); /* a VM holds a few fds: the usual limit of 1024 is too low */
	fds.rlim_cur = fds.rlim_max;
	setrlimit(RLIMIT_NOFILE, &fds);
	return epoll_create1(EPOLL_CLOEXEC);
}

int main(int argc, char **argv)
{
	struct ukvmm_host *host = NULL;
	struct ukvmm_poller *io = NULL;
	struct ukvmm_image *image = NULL;
	struct ukvmm_err err = { .size = sizeof err };
	struct epoll_event e = { .events = EPOLLIN };
	pthread_t t[THREADS], w;
	uint64_t until;
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1, ep = init(argc > 2 ? argv[2] : "10", &until);

	if (ukvmm_host_open(&host, -1, NULL, &err) < 0 || ukvmm_poller_new(host, &io, &err) < 0 ||
		ukvmm_image_open(host, fd, -1, NULL, &image, &err) < 0)
		goto fail;
	epoll_ctl(ep, EPOLL_CTL_ADD, ukvmm_poller_fd(io), &e);
	epoll_ctl(ep, EPOLL_CTL_ADD, done_fd, &e);
	for (uint64_t i = 0; i < VMS; i++) {
		jobs[i].id = i;
		if (make(io, image, &jobs[i], &err) < 0)
			goto fail;
		put(&jobs[i]);
	}
	start(t, &w, host);
	loop(io, ep, until);
	join(t);
	cost_print("when all have ended", VMS);
	for (int i = 0; i < VMS; i++)
		ukvmm_vm_destroy(jobs[i].vm);
	printf("%d VMs on %d threads, %d powered off by themselves: %llu idle stops; per VM: vCPU %llu ns, "
		"I/O %llu ns\n", VMS, THREADS, atomic_load(&ended), atomic_load(&idle_stops),
		atomic_load(&cpu_ns) / VMS, atomic_load(&io_ns) / VMS);
	ukvmm_host_stop(host);
	pthread_join(w, NULL);
	ukvmm_image_unref(image);
	ukvmm_poller_free(io);
	close(fd);
	return ukvmm_host_close(host) < 0 || atomic_load(&failed);
fail:
	fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	return 1;
}
