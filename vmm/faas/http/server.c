/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* Bytes of the head, so that no header is told as it was not sent. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

static void run(struct http_server *server)
{
	server->run = false;
	MHD_run(server->mhd);
}

static void on_ready(struct loop_fd *watch, uint32_t events)
{
	(void)events;
	run((struct http_server *)((char *)watch - offsetof(struct http_server, watch)));
}

static void on_stall(struct loop_timer *timer)
{
	((struct http_server *)((char *)timer - offsetof(struct http_server, stall)))->run = true;
}

static bool has_more(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (server->run)
		return true;
	if (MHD_get_timeout(server->mhd, &ms) != MHD_YES)
		return false;
	if (ms > 0 && !server->stall.set)
		loop_timer_in(server->loop, &server->stall, ms * MS);
	return ms == 0;
}

/* libmicrohttpd keeps connections that can go on in a list of its own, and wants to be called until it is empty: once a
 * turn, so that others have theirs. */
static bool before_wait(struct loop_hook *hook)
{
	struct http_server *server = (struct http_server *)((char *)hook - offsetof(struct http_server, hook));

	if (!has_more(server))
		return true;
	run(server);
	return !has_more(server);
}

static void on_drained(struct loop_task *task)
{
	struct http_server *server = (struct http_server *)((char *)task - offsetof(struct http_server, drained_task));

	if (!server->conns && server->drained)
		server->drained(server->drained_arg);
}

static void no_log(void *arg, const char *fmt, va_list args)
{
	(void)arg;
	(void)fmt;
	(void)args;
}

/*
 * A client that should send its body or take its answer, and does not. Not one that waits for its answer: suspended
 * connections have no timeout.
 */
static unsigned int stall_seconds(const struct http_server *s)
{
	return (unsigned int)((s->config.idle_ns + SECOND - 1) / SECOND);
}

static int start(struct http_server *s)
{
	s->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		handler_request, s, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_LISTEN_SOCKET, s->listener,
		MHD_OPTION_CONNECTION_LIMIT, s->config.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, stall_seconds(s), MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK, handler_line, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, handler_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, conn_notify, s,
		MHD_OPTION_END);
	if (!s->mhd)
		return -ENOMEM;
	return loop_watch(s->loop, &s->watch, MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		EPOLLIN);
}

int http_new(struct loop *loop, int fd, const struct http_config *config, struct http_server **out,
	struct ukvmm_err *err)
{
	struct http_server *s = calloc(1, sizeof *s);
	int rc = -ENOMEM;

	if (s) {
		s->loop = loop;
		s->config = *config;
		s->listener = fd;
		s->watch.ready = on_ready;
		s->hook.before = before_wait;
		s->stall.due = on_stall;
		s->drained_task.run = on_drained;
		rc = start(s);
	}
	if (rc < 0) {
		snprintf(err->call, sizeof err->call, "MHD_start_daemon");
		snprintf(err->text, sizeof err->text, "the HTTP server could not be started");
		err->code = rc;
		free(s);
		close(fd);
		return rc;
	}
	loop_hook(loop, &s->hook);
	*out = s;
	return 0;
}

uint16_t http_port(const struct http_server *server)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;

	if (getsockname(server->listener, (struct sockaddr *)&a, &len) < 0)
		return 0;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port :
						((struct sockaddr_in *)&a)->sin_port);
}

/* Whoever had connected when we were asked to end is served. */
static void accept_rest(struct http_server *server)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	int fd;

	while ((fd = accept4(server->listener, (struct sockaddr *)&a, &len, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (MHD_add_connection(server->mhd, fd, (struct sockaddr *)&a, len) != MHD_YES)
			continue; /* it has closed fd */
		len = sizeof a;
	}
}

void http_drain(struct http_server *server, void (*drained)(void *arg), void *arg)
{
	server->draining = true;
	server->drained = drained;
	server->drained_arg = arg;
	MHD_quiesce_daemon(server->mhd);
	accept_rest(server);
	close(server->listener);
	server->listener = -1;
	server->run = true;
	conn_close_idle(server);
	if (!server->conns)
		loop_defer(server->loop, &server->drained_task);
}

void http_free(struct http_server *server)
{
	if (!server)
		return;
	if (!server->draining)
		MHD_quiesce_daemon(server->mhd);
	for (struct conn *c = server->conns; c; c = c->next)
		if (c->call)
			call_abort(c->call); /* libmicrohttpd does not end what is suspended */
	loop_unwatch(server->loop, &server->watch);
	loop_timer_stop(server->loop, &server->stall);
	loop_cancel(server->loop, &server->drained_task);
	server->draining = false;
	MHD_stop_daemon(server->mhd);
	loop_unhook(server->loop, &server->hook);
	if (server->listener >= 0)
		close(server->listener);
	free(server);
}

void http_counts(const struct http_server *server, struct http_counts *counts)
{
	*counts = server->counts;
}
