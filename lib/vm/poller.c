/* SPDX-License-Identifier: Apache-2.0 */
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "checked.h"
#include "err.h"
#include "export.h"
#include "fd.h"
#include "host.h"
#include "vm.h"

static int poller_fail(struct ukvmm_err *err, const char *call)
{
	return err_set(err, -errno, call, "poller", "%s", strerror(errno));
}

static int poller_fds(struct ukvmm_poller *p, struct ukvmm_err *err)
{
	struct epoll_event wake = { .events = EPOLLIN, .data.u64 = POLLER_WAKE };
	struct epoll_event timer = { .events = EPOLLIN, .data.u64 = POLLER_TIMER };

	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		return poller_fail(err, "epoll_create1");
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake < 0)
		return poller_fail(err, "eventfd");
	p->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (p->timerfd < 0)
		return poller_fail(err, "timerfd_create");
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &wake) ||
		epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->timerfd, &timer))
		return poller_fail(err, "epoll_ctl");
	return 0;
}

static void poller_destroy(struct ukvmm_poller *p)
{
	fd_close(p->epoll);
	fd_close(p->wake);
	fd_close(p->timerfd);
	timers_fini(&p->timers);
	free(p->watches);
	pthread_cond_destroy(&p->left);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void pollers_add(struct ukvmm_host *host, int by)
{
	pthread_mutex_lock(&host->lock);
	host->pollers += (uint32_t)by;
	pthread_mutex_unlock(&host->lock);
}

UKVMM_API int ukvmm_poller_new(struct ukvmm_host *host, struct ukvmm_poller **out, struct ukvmm_err *err)
{
	struct ukvmm_poller *p = calloc(1, sizeof *p);
	int rc;

	*out = NULL;
	if (!p)
		return err_set(err, -ENOMEM, "calloc", "poller", "out of memory");
	p->host = host;
	p->epoll = p->wake = p->timerfd = -1;
	p->tail = &p->head;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->left, NULL);
	rc = poller_fds(p, err);
	if (rc) {
		poller_destroy(p);
		return rc;
	}
	pollers_add(host, 1);
	*out = p;
	return 0;
}

UKVMM_API int ukvmm_poller_fd(const struct ukvmm_poller *poller)
{
	return poller->epoll;
}

UKVMM_API int ukvmm_poller_free(struct ukvmm_poller *p)
{
	bool busy;

	if (!p)
		return 0;
	pthread_mutex_lock(&p->lock);
	busy = p->vms || p->dispatching;
	pthread_mutex_unlock(&p->lock);
	if (busy)
		return -EBUSY;
	pollers_add(p->host, -1);
	poller_destroy(p);
	return 0;
}

/* Lock held on entry and exit: the VM cannot go away between. */
static void inside(struct ukvmm_poller *p, struct ukvmm_vm *vm, void (*call)(void *arg), void *arg)
{
	uint64_t before = p->cpu_mark;

	p->current = vm;
	pthread_mutex_unlock(&p->lock);
	/* One reading ends one call and begins the next: each is a system call. */
	if (!before)
		before = thread_cpu_now();
	call(arg);
	p->cpu_mark = thread_cpu_now();
	atomic_fetch_add(&vm->io_cpu_ns, p->cpu_mark - before);
	pthread_mutex_lock(&p->lock);
	p->current = NULL;
	pthread_cond_broadcast(&p->left);
}

static void call_work(void *arg)
{
	vm_work(arg);
}

static void call_fire(void *arg)
{
	struct timer *timer = arg;

	timer->fire(timer);
}

struct fd_call {
	struct watch watch;
	uint32_t index, events;
};

static void call_fd(void *arg)
{
	const struct fd_call *c = arg;

	device_fd_ready(&c->watch, c->index, c->events);
}

static void serve_fd(struct ukvmm_poller *p, uint64_t data, uint32_t events)
{
	uint32_t index = (uint32_t)data - POLLER_WATCHES;
	struct watch *w;

	pthread_mutex_lock(&p->lock);
	w = index < p->watches_len ? &p->watches[index] : NULL;
	/* one that was removed after epoll_wait reported it has another generation */
	if (w && w->device && w->generation == data >> 32) {
		struct fd_call call = { *w, index, events };

		inside(p, w->device->vm, call_fd, &call);
	}
	pthread_mutex_unlock(&p->lock);
}

static void serve_ring(struct ukvmm_poller *p)
{
	struct uring *ring;

	pthread_mutex_lock(&p->lock);
	ring = p->ring;
	pthread_mutex_unlock(&p->lock);
	uring_reap(ring);
}

static void serve_fds(struct ukvmm_poller *p)
{
	struct epoll_event ready[64];
	int n = epoll_wait(p->epoll, ready, 64, 0);

	for (int i = 0; i < n; i++) {
		if (ready[i].data.u64 == POLLER_WAKE)
			fd_event_clear(p->wake);
		else if (ready[i].data.u64 == POLLER_TIMER)
			fd_event_clear(p->timerfd);
		else if (ready[i].data.u64 == POLLER_RING)
			serve_ring(p);
		else
			serve_fd(p, ready[i].data.u64, ready[i].events);
	}
}

/* After serve_fds, with a time read here: a timerfd that has fired and been read must find its deadline past, or
 * nobody would arm it again. */
static void serve_timers(struct ukvmm_poller *p)
{
	uint64_t now = ukvmm_now();
	struct timer *timer;

	pthread_mutex_lock(&p->lock);
	if (p->armed && p->armed <= now)
		p->armed = 0;
	/* one that is set to a time that is past comes again in the next run, not in this one for ever */
	for (size_t left = p->timers.len; left && (timer = timers_pop(&p->timers, now)); left--)
		inside(p, timer->owner, call_fire, timer);
	poller_timerfd_follow(p);
	pthread_mutex_unlock(&p->lock);
}

/* One turn for the VM at the head: its work, then one event. Lock held. */
static bool serve_one(struct ukvmm_poller *p, struct ukvmm_event *ev)
{
	struct ukvmm_vm *vm = p->head;
	bool took;

	poller_entry_unqueue(p, vm);
	vm->entry.pass = p->pass;
	if (vm->entry.work) {
		vm->entry.work = false;
		inside(p, vm, call_work, vm);
	}
	took = ev && poller_entry_take(&vm->entry, ev);
	if (vm->entry.work || poller_entry_has_event(&vm->entry))
		poller_entry_queue(p, vm);
	return took;
}

/* Every VM that waits gets a turn; with a budget, then a second one..., until the buffer is full or time is
 * up. Without one, one pass, up to the first that has had its turn: a guest that kicks without end must not hold the
 * caller. */
static uint32_t serve_queue(struct ukvmm_poller *p, struct ukvmm_event *events, uint32_t max, uint64_t until)
{
	uint32_t n = 0;

	pthread_mutex_lock(&p->lock);
	p->pass++;
	while (p->head && (n < max || p->head->entry.work) && (until || p->head->entry.pass != p->pass)) {
		n += serve_one(p, n < max ? &events[n] : NULL);
		if (until && ukvmm_now() >= until)
			break;
	}
	/* the fd must stay readable for what is left */
	p->will_look = false;
	if (p->head)
		fd_event_set(p->wake);
	pthread_mutex_unlock(&p->lock);
	return n;
}

UKVMM_API int ukvmm_poller_run(struct ukvmm_poller *p, struct ukvmm_event *events, uint32_t max,
	uint64_t budget_ns)
{
	uint64_t until = budget_ns ? add_most(ukvmm_now(), budget_ns) : 0;
	uint32_t n;

	pthread_mutex_lock(&p->lock);
	if (p->dispatching) {
		pthread_mutex_unlock(&p->lock);
		return -EBUSY;
	}
	p->dispatching = p->will_look = true;
	p->cpu_mark = 0;
	p->dispatcher = pthread_self();
	pthread_mutex_unlock(&p->lock);

	serve_fds(p);
	serve_timers(p);
	n = serve_queue(p, events, max, until);

	pthread_mutex_lock(&p->lock);
	p->dispatching = false;
	pthread_mutex_unlock(&p->lock);
	return (int)n;
}
