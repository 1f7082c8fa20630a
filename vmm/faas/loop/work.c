/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
	struct work_job *head, **tail;
};

struct work {
	struct loop *loop;
	struct loop_fd watch;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t some;
	struct queue todo, ended;
	bool quit;
};

static void put(struct queue *q, struct work_job *job)
{
	job->next = NULL;
	*q->tail = job;
	q->tail = &job->next;
}

static struct work_job *take(struct queue *q)
{
	struct work_job *job = q->head;

	if (job && !(q->head = job->next))
		q->tail = &q->head;
	return job;
}

static void *thread(void *arg)
{
	struct work *w = arg;
	struct work_job *job;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!(job = take(&w->todo)) && !w->quit)
			pthread_cond_wait(&w->some, &w->lock);
		if (!job)
			break;
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		put(&w->ended, job);
		eventfd_write(w->watch.fd, 1);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void tell(struct work *w)
{
	struct work_job *job;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		job = take(&w->ended);
		pthread_mutex_unlock(&w->lock);
		if (!job)
			return;
		if (job->done)
			job->done(job);
	}
}

static void on_ended(struct loop_fd *watch, uint32_t events)
{
	struct work *w = (struct work *)((char *)watch - offsetof(struct work, watch));
	eventfd_t n;

	(void)events;
	eventfd_read(watch->fd, &n);
	tell(w);
}

static int start(struct work *w)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, thread, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int work_new(struct loop *loop, struct work **out)
{
	struct work *w = calloc(1, sizeof *w);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), rc;

	if (!w || fd < 0) {
		rc = w ? -errno : -ENOMEM;
		goto fail;
	}
	w->loop = loop;
	w->watch.ready = on_ended;
	w->todo.tail = &w->todo.head;
	w->ended.tail = &w->ended.head;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->some, NULL);
	rc = loop_watch(loop, &w->watch, fd, EPOLLIN);
	if (rc == 0)
		rc = start(w);
	if (rc < 0) {
		loop_unwatch(loop, &w->watch);
		goto fail;
	}
	*out = w;
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	free(w);
	return rc;
}

void work_submit(struct work *work, struct work_job *job)
{
	pthread_mutex_lock(&work->lock);
	put(&work->todo, job);
	pthread_cond_signal(&work->some);
	pthread_mutex_unlock(&work->lock);
}

void work_free(struct work *work)
{
	if (!work)
		return;
	pthread_mutex_lock(&work->lock);
	work->quit = true;
	pthread_cond_signal(&work->some);
	pthread_mutex_unlock(&work->lock);
	pthread_join(work->thread, NULL);
	tell(work);
	loop_unwatch(work->loop, &work->watch);
	close(work->watch.fd);
	pthread_cond_destroy(&work->some);
	pthread_mutex_destroy(&work->lock);
	free(work);
}
