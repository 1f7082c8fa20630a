/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready is when a connect succeeds, for images that cannot say so. The first connect is patient: what it sends waits at
 * the tap until the guest takes frames, so the guest's first answer is heard as it comes. Others are tried after 1, 2,
 * 4 ... 50 ms, in case that one is lost (the kernel would wait a second before it sends again); each is given up for the
 * next. An answer that is a refusal says that the guest is up and does not serve yet: from then on the pauses are short
 * again.
 */
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

enum { LONGEST_MS = 50 };

static uint64_t pause_ns(const struct replica *r)
{
	uint64_t ms = r->probes < 6 ? 1u << r->probes : LONGEST_MS;

	return (ms > LONGEST_MS ? LONGEST_MS : ms) * 1000000;
}

static void give_up(struct replica *r, struct loop_fd *watch)
{
	if (!watch->events)
		return;
	loop_unwatch(r->d->loop, watch);
	close(watch->fd);
}

static void answered(struct replica *r, struct loop_fd *watch)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = 1;
	give_up(r, watch); /* the timer tries again */
	if (error == 0) {
		replica_is_ready(r);
	} else if (!r->probe_heard) {
		r->probe_heard = true;
		r->probes = 0;
		loop_timer_in(r->d->loop, &r->probe, pause_ns(r));
	}
}

static void on_first(struct loop_fd *watch, uint32_t events)
{
	(void)events;
	answered((struct replica *)((char *)watch - offsetof(struct replica, probe_first)), watch);
}

static void on_again(struct loop_fd *watch, uint32_t events)
{
	(void)events;
	answered((struct replica *)((char *)watch - offsetof(struct replica, probe_again)), watch);
}

static void try_it(struct replica *r, struct loop_fd *watch)
{
	struct sockaddr_in to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	r->d->ops->address(r->instance, &to);
	connect(fd, (struct sockaddr *)&to, sizeof to); /* how it went is told by SO_ERROR */
	if (loop_watch(r->d->loop, watch, fd, EPOLLOUT) < 0)
		close(fd);
}

static void on_timer(struct loop_timer *timer)
{
	struct replica *r = (struct replica *)((char *)timer - offsetof(struct replica, probe));
	bool first = !r->probes && !r->probe_heard;

	give_up(r, &r->probe_again);
	loop_timer_in(r->d->loop, &r->probe, pause_ns(r));
	r->probes++;
	try_it(r, first ? &r->probe_first : &r->probe_again);
}

void probe_begin(struct replica *r)
{
	r->probe.due = on_timer;
	r->probe_first.ready = on_first;
	r->probe_again.ready = on_again;
	loop_timer_in(r->d->loop, &r->probe, 0);
}

void probe_end(struct replica *r)
{
	loop_timer_stop(r->d->loop, &r->probe);
	give_up(r, &r->probe_first);
	give_up(r, &r->probe_again);
}
