/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end: by a signal once all is answered, or without its broker. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/logs.h"
#include "internal.h"
#include "journal.h"
#include "systemd.h"

static void on_empty(void *arg)
{
	loop_quit(((struct server *)arg)->app.loop);
}

static void on_drained(void *arg)
{
	struct server *s = arg;

	dispatch_stop(s->app.dispatcher, on_empty, s);
}

static void on_drain_late(struct loop_timer *timer)
{
	struct server *s = (struct server *)((char *)timer - offsetof(struct server, deadline));

	journal_server("requests are still under way, and are ended");
	on_drained(s);
}

static void on_signal(struct loop_fd *watch, uint32_t events)
{
	struct server *s = (struct server *)((char *)watch - offsetof(struct server, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof info) != sizeof info)
		return;
	if (s->ending) {
		on_drained(s);
		return;
	}
	s->ending = true;
	journal_server("signal %u: ending once all requests are answered", info.ssi_signo);
	systemd_notify("STOPPING=1");
	loop_timer_in(s->app.loop, &s->deadline, s->options.drain_ns);
	logs_end(s->app.logs);
	http_drain(s->app.front, on_drained, s);
}

int ending_watch(struct server *s)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	s->signals.ready = on_signal;
	s->deadline.due = on_drain_late;
	return loop_watch(s->app.loop, &s->signals, fd, EPOLLIN);
}

/* A supervisor starts it anew, with a broker. */
void ending_lost(void *arg)
{
	struct server *s = arg;

	journal_server("the broker is gone, and all instances with it: ending");
	s->lost = true;
	on_drained(s);
}
