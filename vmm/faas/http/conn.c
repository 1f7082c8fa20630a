/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of clients, and how long they may do nothing. */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "internal.h"

/* libmicrohttpd sees the end of its client, and closes. */
static void on_late(struct loop_timer *timer)
{
	struct conn *c = (struct conn *)((char *)timer - offsetof(struct conn, timer));

	shutdown(c->fd, SHUT_RDWR);
}

static void name_client(struct conn *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;

	if (a && a->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, c->client, sizeof c->client);
	else if (a && a->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, c->client, sizeof c->client);
	else
		strcpy(c->client, "unknown");
}

static struct conn *conn_new(struct http_server *server, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *c = calloc(1, sizeof *c);

	if (!c || !info) {
		free(c);
		return NULL;
	}
	c->server = server;
	c->mhd = mhd;
	c->fd = info->connect_fd;
	c->timer.due = on_late;
	c->watch.ready = call_client_end;
	c->link = &server->conns;
	c->next = server->conns;
	if (c->next)
		c->next->link = &c->next;
	server->conns = c;
	server->counts.connections++;
	name_client(c);
	loop_timer_in(server->loop, &c->timer, server->config.header_ns);
	loop_watch(server->loop, &c->watch, c->fd, EPOLLRDHUP);
	return c;
}

static void conn_free(struct conn *c)
{
	struct http_server *server = c->server;

	loop_timer_stop(server->loop, &c->timer);
	loop_unwatch(server->loop, &c->watch);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	server->counts.connections--;
	free(c);
	if (server->draining && !server->conns)
		loop_defer(server->loop, &server->drained_task);
}

void conn_notify(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = conn_new(arg, mhd);
	else if (*context)
		conn_free(*context);
}

/* libmicrohttpd misses an end that came together with bytes, as call.c says of bodies: it is told of it once more. */
void conn_look_for_end(struct conn *c)
{
	char byte;

	if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		shutdown(c->fd, SHUT_RD);
}

/* The first line of a request is in: its head must follow. */
void conn_begin(struct conn *c, struct call *call)
{
	c->call = call;
	conn_look_for_end(c);
	loop_timer_in(c->server->loop, &c->timer, c->server->config.header_ns);
}

void conn_head_done(struct conn *c)
{
	loop_timer_stop(c->server->loop, &c->timer);
}

void conn_discards(struct conn *c)
{
	if (!c->timer.set)
		loop_timer_in(c->server->loop, &c->timer, DISCARD_NS);
}

void conn_end(struct conn *c)
{
	c->call = NULL;
	conn_look_for_end(c);
	loop_timer_in(c->server->loop, &c->timer, c->server->config.idle_ns);
}

/* One whose request is on its way already gets its answer first. */
void conn_close_idle(struct http_server *server)
{
	int bytes;

	for (struct conn *c = server->conns; c; c = c->next) {
		if (c->call || (ioctl(c->fd, FIONREAD, &bytes) == 0 && bytes > 0))
			continue;
		shutdown(c->fd, SHUT_RD);
	}
}
