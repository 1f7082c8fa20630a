/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready is when a connect succeeds, for images that cannot say so: tried at once, then after 1, 2, 4 ... 50 ms. A
 * connect that nobody answers is given up after the same time, as the kernel would wait a second before its next SYN.
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

static void give_up_one(struct replica *r)
{
	if (!r->probe_fd.events)
		return;
	loop_unwatch(r->d->loop, &r->probe_fd);
	close(r->probe_fd.fd);
}

static void on_answer(struct loop_fd *watch, uint32_t events)
{
	struct replica *r = (struct replica *)((char *)watch - offsetof(struct replica, probe_fd));
	int error = 0;
	socklen_t len = sizeof error;

	(void)events;
	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = 1;
	give_up_one(r); /* the timer tries again */
	if (error == 0)
		replica_is_ready(r);
}

static void try_it(struct loop_timer *timer)
{
	struct replica *r = (struct replica *)((char *)timer - offsetof(struct replica, probe));
	struct sockaddr_in to;
	int fd;

	give_up_one(r);
	loop_timer_in(r->d->loop, &r->probe, pause_ns(r));
	r->probes++;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	r->d->ops->address(r->instance, &to);
	connect(fd, (struct sockaddr *)&to, sizeof to); /* how it went is told by SO_ERROR */
	r->probe_fd.ready = on_answer;
	if (loop_watch(r->d->loop, &r->probe_fd, fd, EPOLLOUT) < 0)
		close(fd);
}

void probe_begin(struct replica *r)
{
	r->probe.due = try_it;
	loop_timer_in(r->d->loop, &r->probe, 0);
}

void probe_end(struct replica *r)
{
	loop_timer_stop(r->d->loop, &r->probe);
	give_up_one(r);
}
