/* SPDX-License-Identifier: Apache-2.0 */
/* The fds that devices watch. */
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Lock held: a free watch, or -ENOMEM. */
static int watch_slot(struct ukvmm_poller *p)
{
	uint32_t more = p->watches_len ? p->watches_len * 2 : 16;
	struct watch *w;

	for (uint32_t i = 0; i < p->watches_len; i++)
		if (!p->watches[i].device)
			return (int)i;
	w = realloc(p->watches, more * sizeof *w);
	if (!w)
		return -ENOMEM;
	memset(w + p->watches_len, 0, (more - p->watches_len) * sizeof *w);
	p->watches = w;
	p->watches_len = more;
	return (int)(more / 2 < 16 ? 0 : more / 2);
}

static int watch_find(struct ukvmm_poller *p, const struct ukvmm_device *device, int fd)
{
	for (uint32_t i = 0; i < p->watches_len; i++)
		if (p->watches[i].device == device && p->watches[i].fd == fd)
			return (int)i;
	return -ENOENT;
}

/* Lock held: in or out of the set, as the device's state wants it. */
static int watch_set(struct ukvmm_poller *p, uint32_t i, bool in)
{
	const struct watch *w = &p->watches[i];
	struct epoll_event e = { .events = w->events,
		.data.u64 = (uint64_t)w->generation << 32 | (i + POLLER_WATCHES) };

	if (!in)
		epoll_ctl(p->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	else if (epoll_ctl(p->epoll, EPOLL_CTL_MOD, w->fd, &e) && errno == ENOENT &&
		epoll_ctl(p->epoll, EPOLL_CTL_ADD, w->fd, &e))
		return -errno;
	return 0;
}

static void watch_drop(struct ukvmm_poller *p, struct watch *w)
{
	watch_set(p, (uint32_t)(w - p->watches), false);
	w->device = NULL;
	w->generation++;
}

int poller_watch(struct ukvmm_poller *p, struct ukvmm_device *device, int fd, uint32_t events, uint64_t tag)
{
	int i, rc = 0;

	pthread_mutex_lock(&p->lock);
	i = watch_find(p, device, fd);
	if (i < 0 && events)
		i = watch_slot(p);
	if (i < 0) {
		rc = i;
	} else if (!events) {
		watch_drop(p, &p->watches[i]);
	} else {
		struct watch *w = &p->watches[i];

		*w = (struct watch){ device, fd, w->generation, events, tag };
		if (!device->held)
			rc = watch_set(p, (uint32_t)i, true);
		if (rc)
			w->device = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

bool poller_watched(struct ukvmm_poller *p, const struct watch *w, uint32_t index)
{
	bool is;

	pthread_mutex_lock(&p->lock);
	is = p->watches[index].device == w->device && p->watches[index].generation == w->generation;
	pthread_mutex_unlock(&p->lock);
	return is;
}

void poller_watch_hold(struct ukvmm_poller *p, const struct ukvmm_device *device, bool hold)
{
	pthread_mutex_lock(&p->lock);
	for (uint32_t i = 0; i < p->watches_len; i++)
		if (p->watches[i].device == device)
			watch_set(p, i, !hold);
	pthread_mutex_unlock(&p->lock);
}

void poller_unwatch_all(struct ukvmm_poller *p, struct ukvmm_device *device)
{
	pthread_mutex_lock(&p->lock);
	for (uint32_t i = 0; i < p->watches_len; i++)
		if (p->watches[i].device == device)
			watch_drop(p, &p->watches[i]);
	pthread_mutex_unlock(&p->lock);
}

int poller_ring(struct ukvmm_poller *p, struct uring *ring)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = POLLER_RING };
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	if (!p->ring && epoll_ctl(p->epoll, EPOLL_CTL_ADD, uring_fd(ring), &e))
		rc = -errno;
	if (!rc)
		p->ring = ring;
	pthread_mutex_unlock(&p->lock);
	return rc;
}
