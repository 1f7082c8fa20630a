/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "heap.h"

enum { BATCH = 256 };

struct loop {
	int fd;
	bool quit;
	uint64_t now;
	struct loop_timer *timers;
	struct loop_task *tasks, **last;
	struct loop_hook *hooks;
	struct epoll_event batch[BATCH];
	int at, n; /* of the batch: what is still to be told */
};

uint64_t loop_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return -ENOMEM;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->fd < 0) {
		free(loop);
		return -errno;
	}
	loop->last = &loop->tasks;
	loop->now = loop_clock();
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->fd);
	free(loop);
}

int loop_watch(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = watch };

	if (watch->events == events && watch->fd == fd)
		return 0;
	if (epoll_ctl(loop->fd, watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	watch->fd = fd;
	watch->events = events;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_fd *watch)
{
	if (!watch->events)
		return;
	epoll_ctl(loop->fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->events = 0;
	/* its event may be among those that were fetched already */
	for (int i = loop->at; i < loop->n; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at)
{
	loop_timer_stop(loop, timer);
	timer->at = at;
	timer->set = true;
	heap_insert(&loop->timers, timer);
}

void loop_timer_in(struct loop *loop, struct loop_timer *timer, uint64_t ns)
{
	loop_timer_set(loop, timer, loop->now + ns);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	if (timer->set)
		heap_remove(&loop->timers, timer);
	timer->set = false;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
	if (task->link)
		return;
	task->next = NULL;
	task->link = loop->last;
	*loop->last = task;
	loop->last = &task->next;
}

void loop_cancel(struct loop *loop, struct loop_task *task)
{
	if (!task->link)
		return;
	*task->link = task->next;
	if (task->next)
		task->next->link = task->link;
	else
		loop->last = task->link;
	task->link = NULL;
}

void loop_hook(struct loop *loop, struct loop_hook *hook)
{
	hook->next = loop->hooks;
	loop->hooks = hook;
}

void loop_unhook(struct loop *loop, struct loop_hook *hook)
{
	for (struct loop_hook **at = &loop->hooks; *at; at = &(*at)->next)
		if (*at == hook) {
			*at = hook->next;
			return;
		}
}

/* Tasks that tasks queue run, too: each is bounded by the event that caused it. */
static void run_tasks(struct loop *loop)
{
	while (loop->tasks) {
		struct loop_task *task = loop->tasks;

		loop_cancel(loop, task);
		task->run(task);
	}
}

/* Those due at the beginning: one that sets itself to "now" again does not starve the rest. */
static void run_timers(struct loop *loop)
{
	uint64_t until = loop->now;

	while (loop->timers && loop->timers->at <= until) {
		struct loop_timer *timer = loop->timers;

		loop_timer_stop(loop, timer);
		if (until == loop->now)
			loop->now++; /* what is set anew is due later */
		timer->due(timer);
	}
}

static bool run_hooks(struct loop *loop)
{
	bool wait = true;

	for (struct loop_hook *h = loop->hooks; h; h = h->next)
		wait &= h->before(h);
	return wait;
}

static int timeout(const struct loop *loop, bool wait)
{
	uint64_t now = loop_clock(), ms;

	if (!wait || loop->tasks || loop->quit)
		return 0;
	if (!loop->timers)
		return -1;
	if (loop->timers->at <= now)
		return 0;
	ms = (loop->timers->at - now + 999999) / 1000000;
	return ms > 60000 ? 60000 : (int)ms;
}

/* Tasks make work for hooks, and hooks for tasks: what follows at once is not worth a look at the descriptors. */
static bool prepare(struct loop *loop)
{
	for (int rounds = 0; rounds < 2; rounds++) {
		run_tasks(loop);
		if (run_hooks(loop) && !loop->tasks)
			return true;
	}
	return false;
}

static int turn(struct loop *loop)
{
	bool wait = prepare(loop);

	loop->at = 0;
	loop->n = epoll_wait(loop->fd, loop->batch, BATCH, timeout(loop, wait));
	if (loop->n < 0) {
		loop->n = 0;
		return errno == EINTR ? 0 : -errno;
	}
	loop->now = loop_clock();
	while (loop->at < loop->n) {
		struct epoll_event e = loop->batch[loop->at++];
		struct loop_fd *watch = e.data.ptr;

		if (watch)
			watch->ready(watch, e.events);
	}
	run_timers(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int rc = 0;

	loop->quit = false;
	while (!loop->quit && rc == 0)
		rc = turn(loop);
	return rc;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}
