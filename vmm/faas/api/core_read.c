/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core.h"
#include "http/call.h"

#define LATE_NS 10000000000u

static void on_ready(struct loop_fd *watch, uint32_t events)
{
	struct core *core = (struct core *)((char *)watch - offsetof(struct core, watch));

	(void)events;
	loop_unwatch(core->loop, watch);
	core->readable(core);
}

static void on_late(struct loop_timer *timer)
{
	struct core *core = (struct core *)((char *)timer - offsetof(struct core, late));

	core->late_now = true;
	loop_unwatch(core->loop, &core->watch);
	core->readable(core);
}

int core_open(struct core *core, struct app *app, const char *instance, bool memory)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	rc = dispatch_core(app->dispatcher, instance, memory, pair[1]);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	core->loop = app->loop;
	core->fd = pair[0];
	core->watch.ready = on_ready;
	core->late.due = on_late;
	return 0;
}

static ssize_t wait_for_more(struct core *core)
{
	loop_timer_in(core->loop, &core->late, LATE_NS);
	return loop_watch(core->loop, &core->watch, core->fd, EPOLLIN) < 0 ? CALL_BROKEN : 0;
}

ssize_t core_read(struct core *core, char *to, size_t len)
{
	bool head = core->have < sizeof core->length;
	char *at = head ? core->length + core->have : to;
	size_t most = head ? sizeof core->length - core->have : len < core->left ? len : core->left;
	ssize_t n;

	if (!head && core->left == 0)
		return CALL_EOF;
	if (core->late_now)
		return CALL_BROKEN;
	loop_timer_stop(core->loop, &core->late);
	n = read(core->fd, at, most);
	if (n < 0 && errno == EAGAIN)
		return wait_for_more(core);
	if (n <= 0)
		return CALL_BROKEN;
	if (!head) {
		core->left -= (uint64_t)n;
		return n;
	}
	core->have += (uint32_t)n;
	if (core->have == sizeof core->length)
		memcpy(&core->left, core->length, sizeof core->length);
	return core_read(core, to, len); /* at most eight times */
}

void core_close(struct core *core)
{
	if (core->fd < 0)
		return;
	loop_timer_stop(core->loop, &core->late);
	loop_unwatch(core->loop, &core->watch);
	close(core->fd);
	core->fd = -1;
}

unsigned int core_status(int rc, const char **text)
{
	switch (rc) {
	case -ENOENT:
		*text = "there is no instance of this name: see `ukvmm-faas ps`";
		return 404;
	case -EOPNOTSUPP:
		*text = "instances of this server cannot be looked into";
		return 501;
	case -EAGAIN:
		*text = "the instance does not run yet, or does not listen";
		return 409;
	default:
		*text = strerror(-rc);
		return 500;
	}
}
