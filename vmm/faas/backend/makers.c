/* SPDX-License-Identifier: Apache-2.0 */
/* Where workers come from: a broker that was forked before the server opened anything, so that this process starts none
 * itself, and does not wait while one is. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "failure.h"
#include "internal.h"

enum {
	NAME_BYTES = 40,
	PATIENCE_MS = 20000, /* with the first worker */
	TASKS = 24,	     /* threads beside the vCPUs: I/O, disks, the kernel's own */
};

static void name_cgroup(struct backend *b, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "faas-%d-%u", (int)getpid(), ++b->births);
}

int makers_worker(struct backend *b, uint64_t memory, uint32_t vcpus, uint64_t room, struct worker **out,
	struct ukvmm_err *err)
{
	struct worker_config config = { .memory = memory, .vcpus = vcpus };
	struct cgroup_limits limits = {
		.memory = memory ? memory : room, .cpu_percent = vcpus * 100, .tasks = vcpus + TASKS,
	};
	char name[NAME_BYTES];
	uint64_t id;

	name_cgroup(b, name);
	return broker_worker(b->broker, &config, b->cgroups ? name : NULL, &limits, &id, out, err);
}

/* What a worker says first; 0: nothing, in time. */
static int first_event(struct worker *w, struct worker_event *e)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	while (!worker_next(w, e))
		if (poll(&p, 1, PATIENCE_MS) == 0)
			return 0;
	return e->type;
}

/* Whether workers can be made here, and with which walls: a server that could not run anything should not start. */
static int try_one(struct backend *b, struct ukvmm_err *err)
{
	static struct worker_event e; /* large; before there are threads */
	struct worker *w;
	int rc = makers_worker(b, 0, 1, CGROUP_OVERHEAD, &w, err);

	if (rc < 0)
		return rc;
	switch (first_event(w, &e)) {
	case WORKER_READY:
		b->missing = e.message.ready.missing;
		break;
	case WORKER_FAILED:
		*err = e.message.failed.err;
		rc = err->code;
		break;
	default:
		rc = failure(err, -EIO, "worker", "it ended before it was ready");
	}
	worker_free(w);
	return rc;
}

static int try_with_cgroups(struct backend *b, struct ukvmm_err *err)
{
	int rc;

	b->cgroups = true;
	rc = try_one(b, err);
	if (rc == 0)
		return 0;
	b->cgroups = false;
	snprintf(b->without, sizeof b->without, "%.31s(%.63s): %.127s", err->call, err->object, err->text);
	return try_one(b, err);
}

int makers_early(const struct backend_options *options, struct backend **out, struct ukvmm_err *err)
{
	struct backend *b = calloc(1, sizeof *b);
	struct broker_config config = { .kvm_fd = -1, .flags = WORKER_INSPECT | (options->no_sandbox ? WORKER_NO_SANDBOX : 0) };
	int rc;

	if (!b)
		return failure(err, -ENOMEM, "malloc", "back end");
	rc = config.program = worker_program(err);
	if (rc >= 0) {
		rc = broker_start(&config, &b->broker, err);
		close(config.program);
	}
	if (rc == 0)
		rc = try_with_cgroups(b, err);
	if (rc < 0) {
		makers_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

static void on_broker(struct loop_fd *watch, uint32_t events)
{
	struct backend *b = (struct backend *)((char *)watch - offsetof(struct backend, broker_end));

	(void)events;
	loop_unwatch(b->loop, watch);
	b->options.lost(b->options.lost_arg);
}

int makers_watch(struct backend *b)
{
	b->broker_end.ready = on_broker;
	return loop_watch(b->loop, &b->broker_end, broker_fd(b->broker), EPOLLIN);
}

void makers_notes(const struct backend *b, void (*line)(const char *fmt, ...))
{
	if (b->options.no_sandbox)
		line("warning: --no-sandbox: functions have no walls around them, and can do what this user can");
	if (!b->cgroups)
		line("warning: instances have no cgroups of their own, and no limits by them: %s", b->without);
	for (uint32_t wall = 1; wall & WALL_ALL; wall <<= 1)
		if (b->missing & wall)
			line("warning: workers are without %s here", worker_wall_name(wall));
}

void makers_free(struct backend *b)
{
	if (b->broker && b->broker_end.events)
		loop_unwatch(b->loop, &b->broker_end);
	broker_stop(b->broker);
	free(b);
}
