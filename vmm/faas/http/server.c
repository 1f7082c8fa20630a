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

static void *on_line(void *arg, const char *target, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	(void)arg;
	return info && info->socket_context ? call_new(info->socket_context, target) : NULL;
}

static void begin(struct call *call, const char *method, const char *version)
{
	struct http_server *server = call->server;
	const char *why;
	unsigned int status = head_check(call, method, version, &why);

	call->begun = true;
	conn_head_done(call->conn);
	if (status) {
		call->refused = true;
		call_error(call, status, "%s", why);
		return;
	}
	server->config.route(server->config.arg, call);
	if (!call->ops && !call->response)
		call_error(call, 404, "there is nothing here");
}

/* Answering before the body is read ends the connection: worth it for a long one, or where it is not sent yet; and due
 * where nobody can say which bytes are the body. */
static bool answer_ahead(const struct call *call)
{
	return call->refused || call->expects || call->body_len > DISCARD_AHEAD;
}

static enum MHD_Result at_head(struct call *call)
{
	if (call->response && answer_ahead(call))
		return call_queue(call);
	if (call->held && !call->response) {
		call_suspend(call);
		return MHD_YES;
	}
	call->stage = CALL_BODY;
	if (call->body_len != 0)
		call_watch(call);
	if (call->response)
		conn_discards(call->conn);
	return MHD_YES;
}

static enum MHD_Result at_body(struct call *call, const char *bytes, size_t *len)
{
	size_t taken = *len;

	call->in_bytes += *len;
	if (!call->response && call->ops->body)
		taken = call->ops->body(call, bytes, *len);
	else
		call->discarded += *len;
	if (call->discarded > DISCARD_BYTES)
		return MHD_NO;
	if (call->discarded)
		conn_discards(call->conn);
	call->in_bytes -= *len - taken;
	*len -= taken;
	if (*len && !call->response)
		call_suspend(call);
	return MHD_YES;
}

static enum MHD_Result at_end(struct call *call)
{
	if (call->stage != CALL_ENDED) {
		call->stage = CALL_ENDED;
		call_unwatch(call);
		conn_head_done(call->conn);
		if (!call->response && call->ops->end)
			call->ops->end(call);
	}
	if (call->response)
		return call_queue(call);
	call_suspend(call);
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
	const char *version, const char *bytes, size_t *len, void **context)
{
	struct call *call = *context;

	(void)arg;
	(void)mhd;
	(void)url;
	if (!call)
		return MHD_NO;
	if (!call->begun)
		begin(call, method, version);
	if (call->aborted)
		return MHD_NO;
	if (call->stage == CALL_HEAD)
		return at_head(call);
	return *len ? at_body(call, bytes, len) : at_end(call);
}

static void tell(struct call *call, enum MHD_RequestTerminationCode code)
{
	struct http_server *server = call->server;
	bool whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && call->queued && !call->aborted;
	struct http_record r = { call->conn->client, call->method ? call->method : "-", call->target, call->id,
		call->function, call->instance, call->queued ? call->status : 0, whole, call->start_time,
		loop_clock() - call->began, call->in_bytes, call->out_bytes };

	server->counts.in_flight--;
	if (!call->begun || !call->queued || !whole)
		server->counts.aborted++;
	else if (call->status >= 400 && !call->ops)
		server->counts.refused++;
	else
		server->counts.answered++;
	if (server->config.record)
		server->config.record(server->config.arg, &r);
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
	struct call *call = *context;

	(void)arg;
	(void)mhd;
	if (!call)
		return;
	*context = NULL;
	if (call->ops && call->ops->gone)
		call->ops->gone(call);
	tell(call, code);
	conn_end(call->conn);
	call_free(call);
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
	s->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
		s, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_LISTEN_SOCKET, s->listener,
		MHD_OPTION_CONNECTION_LIMIT, s->config.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, stall_seconds(s),
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_line, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, conn_notify, s, MHD_OPTION_END);
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
