/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "failure.h"
#include "guest.h"

enum tag { TAG_WAKE, TAG_CONTROL, TAG_POLLER, TAG_CONSOLE };

enum { EVENTS = 16, EXIT_ORPHAN = 125 };

static int watch(const struct guest *g, int fd, uint32_t events, enum tag tag)
{
	struct epoll_event e = { .events = events, .data = { .u64 = tag } };

	if (epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return 0;
	if (errno == EEXIST && epoll_ctl(g->epoll, EPOLL_CTL_MOD, fd, &e) == 0)
		return 0;
	return -errno;
}

/* One shot: a reader that is gone, or input that waits, must not wake us without end. */
static void watch_console(const struct guest *g, uint32_t events)
{
	if (g->console.fd >= 0 && events)
		watch(g, g->console.fd, events | EPOLLONESHOT, TAG_CONSOLE);
}

static bool all_out(struct guest *g)
{
	uint32_t in = atomic_load(&g->in);

	return in && atomic_load(&g->out) == in;
}

static void serve_console(struct guest *g)
{
	uint32_t events = 0;

	if (console_pump(&g->console, g->vm))
		events |= EPOLLOUT;
	if (console_input(&g->console, g->vm))
		events |= EPOLLIN;
	watch_console(g, events);
}

static void fill_stats(const struct guest *g, struct message_stats *s)
{
	struct ukvmm_vcpu_stats one;
	struct ukvmm_vcpu *vcpu;

	*s = (struct message_stats){ .vm = { .size = sizeof s->vm }, .vcpus = { .size = sizeof s->vcpus } };
	ukvmm_vm_stats(g->vm, &s->vm);
	for (uint32_t i = 0; i < g->in; i++) {
		one = (struct ukvmm_vcpu_stats){ .size = sizeof one };
		if (ukvmm_vm_vcpu(g->vm, i, &vcpu) < 0 || ukvmm_vcpu_stats(vcpu, &one) < 0)
			continue;
		s->vcpus.run_cpu_ns += one.run_cpu_ns;
		s->vcpus.halt_ns += one.halt_ns;
		s->vcpus.exits += one.exits;
		s->vcpus.kicks += one.kicks;
		s->vcpus.runs += one.runs;
	}
}

void guest_io_control(struct guest *g)
{
	static char room[MESSAGE_BYTES];
	static struct message m;
	static struct message_stats stats;
	int fds[MESSAGE_FDS];
	uint32_t len;

	if (message_await(g->sock, room, &m, fds, &len) < 0)
		_exit(EXIT_ORPHAN);
	switch (m.head.type) {
	case MESSAGE_STOP:
		ukvmm_vm_stop(g->vm);
		break;
	case MESSAGE_RESIZE:
		ukvmm_vm_console_resize(g->vm, m.resize.cols, m.resize.rows);
		break;
	case MESSAGE_CORE:
		/* the filter would end us for reading registers */
		if (g->birth.flags & BIRTH_INSPECT)
			guest_core_ask(g, fds[0], m.core.flags);
		else
			close(fds[0]);
		break;
	case MESSAGE_HOLD:
		guest_core_hold(g);
		break;
	case MESSAGE_ASK:
		fill_stats(g, &stats);
		message_send(g->sock, MESSAGE_STATS, &stats);
		break;
	default:
		_exit(EXIT_ORPHAN);
	}
}

static void tell_broken(struct guest *g, uint64_t index)
{
	struct message_broken m = { .index = (uint32_t)index };

	/* one is enough: a driver may break and reset it as often as it likes */
	if (index >= MESSAGE_DEVICES || g->broken >> index & 1)
		return;
	g->broken |= 1ull << index;
	message_send(g->sock, MESSAGE_BROKEN, &m);
}

static void serve_poller(struct guest *g)
{
	struct ukvmm_event events[EVENTS];
	int n = ukvmm_poller_run(g->poller, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct message_notify notify = { .value = events[i].value };

		if (events[i].type == UKVMM_EV_CONSOLE)
			serve_console(g);
		else if (events[i].type == UKVMM_EV_DEVICE_BROKEN)
			tell_broken(g, events[i].value);
		else if (events[i].type == UKVMM_EV_NOTIFY)
			message_send(g->sock, MESSAGE_NOTIFY, &notify);
		else if (events[i].type == UKVMM_EV_RUNNABLE)
			guest_runnable(g);
		else if (events[i].type == UKVMM_EV_PAUSED)
			guest_core_paused(g);
	}
}

/* The first time that there is something to do while the guest runs. */
static void begin(struct guest *g)
{
	struct ukvmm_err err;
	int rc = watch(g, g->sock, EPOLLIN, TAG_CONTROL);

	if (rc == 0)
		rc = watch(g, ukvmm_poller_fd(g->poller), EPOLLIN, TAG_POLLER);
	if (rc < 0) {
		failure(&err, rc, "epoll_ctl", g->job.name);
		guest_failed(g, PHASE_RUN, 0, &err);
	}
	serve_console(g);
}

static void serve_wake(struct guest *g)
{
	uint64_t count;

	if (read(g->wake, &count, sizeof count) < 0 || all_out(g) || g->begun)
		return;
	g->begun = true;
	begin(g);
}

static void serve(struct guest *g, uint64_t tag)
{
	switch (tag) {
	case TAG_WAKE:
		serve_wake(g);
		break;
	case TAG_CONTROL:
		guest_io_control(g);
		break;
	case TAG_POLLER:
		serve_poller(g);
		break;
	default:
		serve_console(g);
	}
}

/* Milliseconds from now until `at`, rounded up; 0: for ever. */
static int wait_ms(uint64_t at)
{
	uint64_t now = at ? ukvmm_now() : 0;

	if (at == 0)
		return -1;
	if (at <= now)
		return 0;
	at = (at - now + 999999u) / 1000000u;
	return at < INT_MAX ? (int)at : INT_MAX;
}

/* What is left of the output; a reader that goes away, or a control that does, ends the wait. */
static void finish_output(struct guest *g)
{
	struct pollfd fds[2] = { { .events = POLLOUT }, { .fd = g->sock, .events = POLLIN } };

	serve_poller(g);
	while (console_pump(&g->console, g->vm)) {
		fds[0].fd = g->console.fd;
		if (poll(fds, 2, -1) > 0 && fds[1].revents)
			guest_io_control(g);
	}
}

/* The vCPU that ended the VM; the others only came back because it did. */
static const struct outcome *decisive(const struct guest *g)
{
	for (uint32_t i = 0; i < g->in; i++)
		if (g->outcome[i].rc < 0 || g->outcome[i].stop.reason != UKVMM_STOP_STOPPED)
			return &g->outcome[i];
	return &g->outcome[0];
}

__attribute__((noreturn)) static void finish(struct guest *g)
{
	static struct message_stopped m;
	const struct outcome *o = decisive(g);

	finish_output(g);
	m.rc = o->rc;
	m.stop = o->stop;
	m.err = o->err;
	m.lost = g->console.lost;
	fill_stats(g, &m.stats);
	/* no teardown: what was answered is on its disk or with its peer, the kernel does the rest */
	message_send(g->sock, MESSAGE_STOPPED, &m);
	_exit(0);
}

void *guest_io(void *arg)
{
	struct guest *g = arg;
	struct epoll_event events[EVENTS];
	struct ukvmm_err err = { .size = sizeof err };
	int n;

	if (filters_io(&g->filters, g->host, &err) < 0 && err.code != -ENOSYS)
		guest_failed(g, PHASE_BIRTH, 0, &err);
	sem_post(&g->io_ready);
	while (!all_out(g)) {
		n = epoll_wait(g->epoll, events, EVENTS, wait_ms(g->console.retry_at));
		for (int i = 0; i < n; i++)
			serve(g, events[i].data.u64);
		if (g->console.retry_at && g->console.retry_at <= ukvmm_now())
			serve_console(g);
	}
	finish(g);
}

int guest_io_init(struct guest *g)
{
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->epoll < 0 || g->wake < 0)
		return -errno;
	return watch(g, g->wake, EPOLLIN, TAG_WAKE);
}

void guest_io_wake(const struct guest *g)
{
	uint64_t one = 1;

	if (write(g->wake, &one, sizeof one) < 0)
		return;
}
