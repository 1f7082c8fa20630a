/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "upstream_internal.h"

static void collect(struct upstream *up)
{
	struct upstream_call *call;
	CURLMsg *m;
	CURLcode code;
	int left;

	while ((m = curl_multi_info_read(up->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result; /* m is gone with the handle */
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
		exchange_ended(call, code);
	}
}

static void act(struct upstream *up, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(up->multi, fd, what, &running);
	collect(up);
}

static void on_socket_ready(struct loop_fd *watch, uint32_t events)
{
	struct upstream_socket *s = (struct upstream_socket *)((char *)watch - offsetof(struct upstream_socket, watch));
	int what = (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP) ? CURL_CSELECT_IN : 0) |
		(events & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (events & EPOLLERR ? CURL_CSELECT_ERR : 0);

	act(s->up, watch->fd, what);
}

static void on_due(struct loop_timer *timer)
{
	act((struct upstream *)((char *)timer - offsetof(struct upstream, timer)), CURL_SOCKET_TIMEOUT, 0);
}

static void on_soon(struct loop_task *task)
{
	act((struct upstream *)((char *)task - offsetof(struct upstream, soon)), CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct upstream *up = arg;

	(void)multi;
	loop_timer_stop(up->loop, &up->timer);
	loop_cancel(up->loop, &up->soon);
	if (ms == 0)
		loop_defer(up->loop, &up->soon);
	else if (ms > 0)
		loop_timer_in(up->loop, &up->timer, (uint64_t)ms * 1000000u);
	return 0;
}

static void forget_socket(struct upstream_socket *s)
{
	loop_unwatch(s->up->loop, &s->watch);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	free(s);
}

static struct upstream_socket *new_socket(struct upstream *up, curl_socket_t fd)
{
	struct upstream_socket *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->up = up;
	s->watch.ready = on_socket_ready;
	s->link = &up->sockets;
	s->next = up->sockets;
	if (s->next)
		s->next->link = &s->next;
	up->sockets = s;
	curl_multi_assign(up->multi, fd, s);
	return s;
}

/* No more is read after the head, but for want of room: the answer is complete. While it is being sent the request, libcurl
 * would go on with that first. */
static void note_socket(CURL *easy, curl_socket_t fd, int what)
{
	struct upstream_call *call = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call) != CURLE_OK || !call)
		return;
	call->fd = what == CURL_POLL_REMOVE ? CURL_SOCKET_BAD : fd;
	if (call->headed && call->uploads && !call->write_waits && (what == CURL_POLL_REMOVE || !(what & CURL_POLL_IN)))
		call->ops->complete(call->user);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct upstream *up = arg;
	struct upstream_socket *s = known;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	note_socket(easy, fd, what);
	if (what == CURL_POLL_REMOVE) {
		if (s)
			forget_socket(s);
		curl_multi_assign(up->multi, fd, NULL);
		return 0;
	}
	if (!s && !(s = new_socket(up, fd)))
		return -1;
	/* with nothing to wait for, the other side's end is still told, at every turn: better not to look */
	if (!events)
		loop_unwatch(up->loop, &s->watch);
	else if (loop_watch(up->loop, &s->watch, fd, events) < 0)
		return -1;
	return 0;
}

int upstream_new(struct loop *loop, struct upstream **out)
{
	struct upstream *up = calloc(1, sizeof *up);

	if (!up || !(up->multi = curl_multi_init())) {
		free(up);
		return -ENOMEM;
	}
	up->loop = loop;
	up->timer.due = on_due;
	up->soon.run = on_soon;
	curl_multi_setopt(up->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(up->multi, CURLMOPT_SOCKETDATA, up);
	curl_multi_setopt(up->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(up->multi, CURLMOPT_TIMERDATA, up);
	curl_multi_setopt(up->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(up->multi, CURLMOPT_MAXCONNECTS, (long)MAX_IDLE);
	*out = up;
	return 0;
}

void upstream_free(struct upstream *up)
{
	if (!up)
		return;
	while (up->n_spare > 0)
		curl_easy_cleanup(up->spare[--up->n_spare]);
	curl_multi_cleanup(up->multi);
	while (up->sockets)
		forget_socket(up->sockets);
	loop_timer_stop(up->loop, &up->timer);
	loop_cancel(up->loop, &up->soon);
	free(up);
}
