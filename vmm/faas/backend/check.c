/* SPDX-License-Identifier: Apache-2.0 */
/* An image of a stranger's is read by a worker of its own first: what it does to its reader, it does there. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "failure.h"
#include "internal.h"

enum { PATIENCE_MS = 20000, TRIES = 3 };

static bool await(struct worker *w, struct worker_event *e)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };
	int rc = 1;

	while (rc != 0 && !worker_next(w, e)) {
		rc = poll(&p, 1, PATIENCE_MS);
		rc = rc < 0 && errno != EINTR ? 0 : rc;
	}
	return rc != 0;
}

static int give(struct worker *w, int image_fd, struct ukvmm_err *err)
{
	struct worker_job *job = malloc(sizeof *job); /* large for a thread's stack */
	int rc;

	if (!job)
		return failure(err, -ENOMEM, "malloc", "image");
	worker_job_init(job);
	snprintf(job->config.name, sizeof job->config.name, "check");
	job->config.flags = JOB_CHECK;
	job->config.image_fd = image_fd;
	rc = worker_start(w, job, err);
	free(job);
	return rc;
}

/* Positive: there is more to come. */
static int take(struct worker *w, const struct worker_event *e, int image_fd, struct ukvmm_err *err)
{
	char text[128];

	int rc;

	switch (e->type) {
	case WORKER_READY:
		rc = give(w, image_fd, err);
		return rc < 0 && rc != -EPIPE ? rc : 1; /* EPIPE: it died meanwhile, which it will tell */
	case WORKER_STOPPED:
		return 0;
	case WORKER_FAILED:
		*err = e->message.failed.err;
		return err->code;
	case WORKER_DEAD:
		failure(err, -ENOEXEC, "check", "image");
		worker_death_text(&e->death, text, sizeof text);
		snprintf(err->text, sizeof err->text, "its reader: %s", text);
		return err->code;
	default:
		return 1;
	}
}

static int check_once(struct backend *b, int image_fd, uint64_t room, struct worker_event *e, struct ukvmm_err *err)
{
	struct worker *w = NULL;
	int rc = makers_worker(b, 0, 1, room, &w, err);

	*e = (struct worker_event){ 0 };
	for (rc = rc < 0 ? rc : 1; rc > 0;)
		rc = await(w, e) ? take(w, e, image_fd, err) : failure(err, -ETIMEDOUT, "check", "image");
	worker_free(w);
	return rc;
}

/* From outside, most likely: it says nothing of the image. */
static bool was_killed(const struct worker_event *e)
{
	return e->type == WORKER_DEAD && e->death.cause == CAUSE_SIGNAL && e->death.number == SIGKILL;
}

int vm_check(struct backend *b, int image_fd, struct ukvmm_err *err)
{
	struct worker_event *e = malloc(sizeof *e);
	struct stat st;
	int rc = e ? 0 : failure(err, -ENOMEM, "malloc", "image");
	uint64_t room;

	if (rc == 0 && fstat(image_fd, &st) < 0)
		rc = failure(err, -errno, "fstat", "image");
	if (rc < 0) {
		free(e);
		return rc;
	}
	/* what is packed is unpacked by it: as much again, and some */
	room = 4 * (uint64_t)st.st_size + CGROUP_OVERHEAD;
	for (int i = 0; i < TRIES; i++) {
		rc = check_once(b, image_fd, room, e, err);
		if (rc == 0 || !was_killed(e))
			break;
	}
	free(e);
	return rc;
}
