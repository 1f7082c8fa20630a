/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "host.h"

enum { DISK_JOBS = 16, JOB_REQUESTS = 16 };

struct disk_job {
	struct job job; /* first */
	struct disk *disk;
	bool queued; /* or running */
};

/* A back end's requests, in order, and the jobs that take them. */
struct disk {
	struct ukvmm_host *host;
	pthread_mutex_t lock;
	struct block_io *head, **tail;
	uint32_t jobs; /* queued or running */
	bool removed;
	struct disk_job job[DISK_JOBS];
};

static void disk_free(struct disk *d)
{
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* One thread is left for other disks, as far as there are two. */
static uint32_t jobs_limit(struct ukvmm_host *host)
{
	uint32_t workers;

	pthread_mutex_lock(&host->lock);
	workers = host->workers;
	pthread_mutex_unlock(&host->lock);
	if (workers <= 2)
		return 1;
	return workers - 1 < DISK_JOBS ? workers - 1 : DISK_JOBS;
}

/* Lock held. NULL: there are enough. */
static struct disk_job *job_start(struct disk *d)
{
	struct disk_job *j = d->job;

	if (d->jobs && d->jobs >= jobs_limit(d->host))
		return NULL;
	while (j->queued)
		j++;
	j->queued = true;
	d->jobs++;
	return j;
}

/* The next request for a job that has done `n`; NULL: the job is over, or queued again behind those of others. */
static struct block_io *job_next(struct disk_job *j, uint32_t n)
{
	struct disk *d = j->disk;
	struct block_io *io = NULL;
	bool again, last;

	pthread_mutex_lock(&d->lock);
	again = d->head && n == JOB_REQUESTS;
	if (d->head && !again) {
		io = d->head;
		d->head = io->next;
		if (!d->head)
			d->tail = &d->head;
	}
	if (!io && !again) {
		j->queued = false;
		d->jobs--;
	}
	last = d->removed && !d->jobs;
	pthread_mutex_unlock(&d->lock);
	if (again)
		host_queue(d->host, &j->job);
	else if (last)
		disk_free(d);
	return io;
}

static void job_run(struct job *job)
{
	struct disk_job *j = (struct disk_job *)job;
	struct block_io *io;

	for (uint32_t n = 0; (io = job_next(j, n)); n++) {
		block_io_run(io);
		io->done(io);
	}
}

static void threads_submit(struct block_engine *e, struct block_io *io)
{
	struct disk *d = io->backend->engine_disk;
	struct disk_job *j;

	(void)e;
	io->next = NULL;
	pthread_mutex_lock(&d->lock);
	*d->tail = io;
	d->tail = &io->next;
	j = job_start(d);
	pthread_mutex_unlock(&d->lock);
	if (j)
		host_queue(d->host, &j->job);
}

static int threads_add(struct block_engine *e, struct block_backend *b)
{
	struct disk *d;

	if (b->engine_disk)
		return 0;
	d = calloc(1, sizeof *d);
	if (!d)
		return -ENOMEM;
	d->host = ((struct engine_threads *)e)->host;
	d->tail = &d->head;
	pthread_mutex_init(&d->lock, NULL);
	for (uint32_t i = 0; i < DISK_JOBS; i++)
		d->job[i] = (struct disk_job){ .job.run = job_run, .disk = d };
	b->engine_disk = d;
	return 0;
}

/* Often from inside the last request's done: then the job that runs it is the last user. */
static void threads_remove(struct block_engine *e, struct block_backend *b)
{
	struct disk *d = b->engine_disk;
	bool unused;

	(void)e;
	b->engine_disk = NULL;
	pthread_mutex_lock(&d->lock);
	d->removed = true;
	unused = !d->jobs;
	pthread_mutex_unlock(&d->lock);
	if (unused)
		disk_free(d);
}

void engine_threads_init(struct engine_threads *t, struct ukvmm_host *host)
{
	t->engine = (struct block_engine){ .add = threads_add, .remove = threads_remove, .submit = threads_submit,
		.depth = DISK_JOBS };
	t->host = host;
}

void host_ring_now(struct ukvmm_host *host)
{
	host->uring_refused = uring_new(&host->uring, &host->threads.engine, NULL);
}

int host_ring(struct ukvmm_host *host, struct uring **out, struct ukvmm_err *err)
{
	int rc = 0;

	if (host->uring_refused)
		return err_set(err, -ENOTSUP, "io_uring_setup", "host", "no io_uring here: %s",
			strerror(-host->uring_refused));
	pthread_mutex_lock(&host->lock);
	if (!host->uring)
		rc = uring_new(&host->uring, &host->threads.engine, err);
	*out = host->uring;
	pthread_mutex_unlock(&host->lock);
	return rc;
}
