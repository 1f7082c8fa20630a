/* SPDX-License-Identifier: Apache-2.0 */
/* An image of a stranger's is read by a worker of its own first: what it does to its reader, it does there. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "failure.h"
#include "internal.h"

enum { PATIENCE_MS = 20000 };

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

	switch (e->type) {
	case WORKER_READY:
		return give(w, image_fd, err) < 0 ? err->code : 1;
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

int vm_check(struct backend *b, int image_fd, struct ukvmm_err *err)
{
	struct worker_event *e = malloc(sizeof *e);
	struct worker *w = NULL;
	struct stat st;
	int rc = e ? 0 : failure(err, -ENOMEM, "malloc", "image");

	if (rc == 0 && fstat(image_fd, &st) < 0)
		rc = failure(err, -errno, "fstat", "image");
	if (rc == 0)
		/* what is packed is unpacked by it: as much again, and some */
		rc = makers_worker(b, 0, 1, 4 * (uint64_t)st.st_size + CGROUP_OVERHEAD, &w, err);
	for (rc = rc < 0 ? rc : 1; rc > 0;)
		rc = await(w, e) ? take(w, e, image_fd, err) : failure(err, -ETIMEDOUT, "check", "image");
	worker_free(w);
	free(e);
	return rc;
}
