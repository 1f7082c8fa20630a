/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "upstream_internal.h"

static void collect(struct lane *lane)
{
	struct upstream_call *call;
	CURLMsg *m;
	CURLcode code;
	int left;

	while ((m = curl_multi_info_read(lane->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result; /* m is gone with the handle */
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
		exchange_ended(call, code);
	}
}

static void act(struct lane *lane, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(lane->multi, fd, what, &running);
	collect(lane);
}

/* What an instance says, or that it ends, while no request is under way: libcurl looks before it uses the connection. */
static void on_socket_ready(struct loop_fd *watch, uint32_t events)
{
	struct upstream_socket *s = (struct upstream_socket *)((char *)watch - offsetof(struct upstream_socket, watch));
	int what = (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP) ? CURL_CSELECT_IN : 0) |
		(events & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (events & EPOLLERR ? CURL_CSELECT_ERR : 0);

	if (s->wanted)
		act(s->lane, watch->fd, what);
	else
		loop_unwatch(s->lane->up->loop, watch);
}

static void on_due(struct loop_timer *timer)
{
	act((struct lane *)((char *)timer - offsetof(struct lane, timer)), CURL_SOCKET_TIMEOUT, 0);
}

static void on_soon(struct loop_task *task)
{
	act((struct lane *)((char *)task - offsetof(struct lane, soon)), CURL_SOCKET_TIMEOUT, 0);
}

static void on_idle(struct loop_timer *timer)
{
	lane_close((struct lane *)((char *)timer - offsetof(struct lane, idle)));
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct lane *lane = arg;

	(void)multi;
	loop_timer_stop(lane->up->loop, &lane->timer);
	loop_cancel(lane->up->loop, &lane->soon);
	if (ms == 0)
		loop_defer(lane->up->loop, &lane->soon);
	else if (ms > 0)
		loop_timer_in(lane->up->loop, &lane->timer, (uint64_t)ms * 1000000u);
	return 0;
}

static struct upstream_socket *socket_of(const struct upstream *up, curl_socket_t fd)
{
	return fd >= 0 && (uint32_t)fd < up->socket_room ? up->socket[fd] : NULL;
}

static bool room_for(struct upstream *up, curl_socket_t fd)
{
	uint32_t room = up->socket_room ? up->socket_room : 64;
	struct upstream_socket **more;

	while (room <= (uint32_t)fd)
		room *= 2;
	if (room == up->socket_room)
		return true;
	more = realloc(up->socket, room * sizeof(struct upstream_socket *));
	if (!more)
		return false;
	memset(more + up->socket_room, 0, (room - up->socket_room) * sizeof(struct upstream_socket *));
	up->socket = more;
	up->socket_room = room;
	return true;
}

static struct upstream_socket *new_socket(struct lane *lane, curl_socket_t fd)
{
	struct upstream_socket *s = room_for(lane->up, fd) ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return NULL;
	s->lane = lane;
	s->watch.ready = on_socket_ready;
	lane->up->socket[fd] = s;
	lane->up->n_sockets++;
	return s;
}

void upstream_forget_socket(struct upstream *up, curl_socket_t fd)
{
	struct upstream_socket *s = socket_of(up, fd);

	if (!s)
		return;
	loop_unwatch(up->loop, &s->watch);
	up->socket[fd] = NULL;
	up->n_sockets--;
	free(s);
}

int upstream_close_socket(void *arg, curl_socket_t fd)
{
	upstream_forget_socket(arg, fd);
	return close(fd);
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

/*
 * A connection that waits for its instance stays watched from request to request: two system calls less for each. Not
 * one that does not come about, whose socket libcurl closes without a word.
 */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct lane *lane = arg;
	struct upstream_socket *s = socket_of(lane->up, fd);
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);

	(void)known;
	note_socket(easy, fd, what);
	if (what == CURL_POLL_REMOVE) {
		if (s && s->watch.events == EPOLLIN)
			s->wanted = false;
		else
			upstream_forget_socket(lane->up, fd);
		return 0;
	}
	if (!s && !(s = new_socket(lane, fd)))
		return -1;
	s->wanted = true;
	/* with nothing to wait for, the other side's end is still told, at every turn: better not to look */
	if (!events)
		loop_unwatch(lane->up->loop, &s->watch);
	else if (loop_watch(lane->up->loop, &s->watch, fd, events) < 0)
		return -1;
	return 0;
}

int lane_open(struct lane *lane)
{
	lane->multi = curl_multi_init();
	if (!lane->multi)
		return -ENOMEM;
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)MAX_OPEN);
	return 0;
}

void lane_close(struct lane *lane)
{
	if (!lane->multi)
		return;
	curl_multi_cleanup(lane->multi);
	lane->multi = NULL;
	loop_timer_stop(lane->up->loop, &lane->timer);
	loop_timer_stop(lane->up->loop, &lane->idle);
	loop_cancel(lane->up->loop, &lane->soon);
}

int upstream_new(struct loop *loop, struct upstream **out)
{
	struct upstream *up = calloc(1, sizeof *up);

	if (!up)
		return -ENOMEM;
	up->loop = loop;
	for (uint32_t i = 0; i < LANES; i++) {
		up->lane[i].up = up;
		up->lane[i].timer.due = on_due;
		up->lane[i].idle.due = on_idle;
		up->lane[i].soon.run = on_soon;
	}
	if (lane_open(up->lane) < 0) {
		free(up);
		return -ENOMEM;
	}
	*out = up;
	return 0;
}

void upstream_free(struct upstream *up)
{
	if (!up)
		return;
	while (up->n_spare > 0)
		curl_easy_cleanup(up->spare[--up->n_spare]);
	for (uint32_t i = 0; i < LANES; i++)
		lane_close(&up->lane[i]);
	free(up->socket);
	free(up);
}
