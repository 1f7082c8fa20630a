/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's own loop, and what its client asks for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker_own.h"
#include "failure.h"
#include "open_below.h"
#include "tap.h"

enum { BIRTHS_FIRST = 16 };

static int limit(const struct server *s, const struct broker_request *r, struct ukvmm_err *err)
{
	struct child *c = s->children;

	while (c && c->id != r->id)
		c = c->next;
	if (!c || !c->cgroup)
		return failure(err, -ENOENT, "broker_limit", "worker");
	c->changed = true;
	return cgroup_limit(c->cgroup, &r->limits, err);
}

static int open_for(const struct server *s, const struct broker_request *r, struct ukvmm_err *err)
{
	const char *call = "openat2";
	int rc = -ENOENT;

	if (r->verb == BROKER_TAP)
		rc = tap_open(r->name, &call);
	else if (r->folder < s->config.folders_len)
		rc = open_below(s->config.folders[r->folder], r->name, r->write);
	return rc < 0 ? failure(err, rc, call, r->name) : rc;
}

/* 0; or the client has to go. */
static int serve_client(struct server *s)
{
	char bytes[sizeof(struct broker_request)];
	struct broker_answer a = { .err = { .size = sizeof a.err } };
	struct broker_request r;
	int fds[BROKER_FDS] = { -1, -1 }, fd = -1, rc;
	uint32_t len;

	rc = broker_receive(s->sock, bytes, sizeof bytes, fds, BROKER_FDS, &len, MSG_DONTWAIT);
	/* its descriptors are lost: who sent them sees their end */
	if (rc == -EAGAIN || rc == -EMFILE)
		return 0;
	if (rc < 0)
		return rc;
	rc = broker_request_take(bytes, sizeof bytes, len, &r);
	if (rc < 0)
		return rc;
	if (r.verb == BROKER_SPAWN) {
		broker_spawn(s, &r, fds);
		return 0;
	}
	if (r.verb == BROKER_LIMIT)
		a.rc = limit(s, &r, &a.err);
	else
		a.rc = fd = open_for(s, &r, &a.err);
	a.rc = a.rc > 0 ? 0 : a.rc;
	/* one that does not read its answers is none */
	rc = broker_send(s->sock, &a, sizeof a, &fd, fd >= 0, MSG_DONTWAIT);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Nothing of the client's but what it was given for. */
static int keep_own(struct server *s, int *folders)
{
	int at = STDERR_FILENO + 1, fd;

	/* up first, so that none is overwritten before it is moved down */
	fd = fcntl(s->sock, F_DUPFD_CLOEXEC, 64);
	s->kvm = s->config.kvm_fd >= 0 ? fcntl(s->config.kvm_fd, F_DUPFD_CLOEXEC, 64)
				       : open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (s->config.program)
		s->config.program = fcntl(s->config.program, F_DUPFD_CLOEXEC, 64);
	for (uint32_t i = 0; i < s->config.folders_len; i++)
		folders[i] = fcntl(s->config.folders[i], F_DUPFD_CLOEXEC, 64);
	s->sock = dup3(fd, at++, O_CLOEXEC);
	for (uint32_t i = 0; i < s->config.folders_len; i++)
		folders[i] = dup3(folders[i], at++, O_CLOEXEC);
	if (s->config.program > 0)
		s->config.program = dup3(s->config.program, at++, O_CLOEXEC);
	/* without /dev/kvm each worker says that it has none */
	if (s->kvm >= 0)
		s->kvm = dup3(s->kvm, at++, O_CLOEXEC);
	s->config.folders = folders;
	return s->sock < 0 || s->config.program < 0 || close_range((unsigned)at, ~0u, 0) < 0 ? -errno : 0;
}

static bool is_asked(const struct server *s)
{
	struct pollfd p = { .fd = s->sock, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Births come first, as somebody waits for them: so many at most, so that the dead are buried, too. */
static int serve_one(struct server *s, struct child *dead)
{
	int rc = dead ? 0 : serve_client(s);

	for (int i = 0; dead && i < BIRTHS_FIRST && rc == 0 && is_asked(s); i++)
		rc = serve_client(s);
	if (dead)
		broker_serve_child(s, dead);
	return rc;
}

/* One event at a time: a child that was buried may have a second one in the same batch. */
void broker_serve(int sock, const struct broker_config *config)
{
	struct server s = { .sock = sock, .config = *config };
	int folders[BROKER_FOLDERS];
	struct epoll_event e;

	setsid();
	/* the client and us, before either has a third */
	cgroup_settle(getppid());
	signal(SIGCHLD, SIG_DFL);
	if (keep_own(&s, folders) < 0)
		_exit(125);
	reuse_begin(&s.reuse, !(s.config.flags & WORKER_NO_SANDBOX));
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll < 0 || broker_watch(&s, s.sock, EPOLLIN, NULL) < 0)
		_exit(125);
	broker_keep_low(&s);
	for (;;) {
		if (epoll_wait(s.epoll, &e, 1, -1) == 1 && serve_one(&s, e.data.ptr) < 0)
			break;
	}
	broker_end_children(&s);
	reuse_end(&s.reuse);
	_exit(0);
}
