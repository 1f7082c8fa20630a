/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's own loop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "birth.h"
#include "broker_reuse.h"
#include "broker_wire.h"
#include "failure.h"
#include "open_below.h"
#include "tap.h"

enum { BIRTHS_FIRST = 16, LOW_FDS = 6 /* as many as a birth opens */ };

struct child {
	struct child *next;
	uint64_t id;
	int sock, pidfd; /* its end of its socket, a copy; -1: none */
	pid_t pid;
	int net;
	struct cgroup *cgroup;
	struct cgroup_limits limits;
	bool changed; /* its cgroup has other limits now */
	bool clean;   /* it ended by itself, so nothing was killed in its cgroup */
};

struct server {
	int sock, epoll, kvm;
	struct broker_config config;
	struct child *children;
	uint32_t len;
	int low[LOW_FDS]; /* kept for births: a child's copy of the table ends with the last that it needs */
	struct reuse reuse;
};

/* Both descriptors of a child are watched under its address: which of them it was is found out by looking. */
static int watch(const struct server *s, int fd, uint32_t events, struct child *c)
{
	struct epoll_event e = { .events = events, .data = { .ptr = c } };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void tell_death(const struct child *c, const siginfo_t *end, bool known)
{
	struct worker_death d = worker_death_of(end->si_code, end->si_status, known);
	struct message_dead m = { .cause = d.cause, .number = d.number };

	if (d.cause == CAUSE_SIGNAL && d.number == SIGKILL && c->cgroup && cgroup_ran_out(c->cgroup))
		m.cause = CAUSE_MEMORY;
	/* a socket that its worker has filled: the end of it says enough */
	message_send(c->sock, MESSAGE_DEAD, &m);
}

/* Out of the set before it is closed: another process may have the same open file. */
static void unwatch(const struct server *s, int fd)
{
	if (fd < 0)
		return;
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
	close(fd);
}

static void forget(struct server *s, struct child *c)
{
	struct child **at = &s->children;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->len--;
	unwatch(s, c->sock);
	unwatch(s, c->pidfd);
	reuse_give_net(&s->reuse, c->net);
	if (c->clean && !c->changed)
		reuse_give_cgroup(&s->reuse, c->cgroup, &c->limits);
	else
		cgroup_remove(c->cgroup);
	free(c);
}

static void lose_net(struct child *c)
{
	if (c->net >= 0)
		close(c->net);
	c->net = -1;
}

/* True: it is dead, and was told of. */
static bool bury(struct server *s, struct child *c, int options)
{
	siginfo_t end = { 0 };
	int rc = waitid(P_PIDFD, (id_t)c->pidfd, &end, WEXITED | __WALL | options);

	if (rc == 0 && end.si_pid == 0)
		return false;
	tell_death(c, &end, rc == 0);
	c->clean = rc == 0 && end.si_code == CLD_EXITED;
	if (rc < 0)
		lose_net(c); /* nobody knows whether it is dead */
	forget(s, c);
	return true;
}

static void serve_child(struct server *s, struct child *c)
{
	struct pollfd p = { .fd = c->sock };

	if (bury(s, c, WNOHANG))
		return;
	/* its control has let go */
	if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR))
		pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

static const struct cgroup *any_cgroup(const struct server *s)
{
	const struct child *c = s->children;

	while (c && !c->cgroup)
		c = c->next;
	return c ? c->cgroup : NULL;
}

static void keep_low(struct server *s)
{
	for (int i = 0; i < LOW_FDS; i++)
		s->low[i] = fcntl(s->epoll, F_DUPFD_CLOEXEC, BIRTH_FDS);
}

static void free_low(struct server *s)
{
	for (int i = 0; i < LOW_FDS; i++)
		if (s->low[i] >= 0)
			close(s->low[i]);
}

/* Where it is to live. */
static int house(struct server *s, const struct broker_request *r, struct child *c, struct ukvmm_err *err)
{
	if (s->len >= BROKER_WORKERS)
		return failure(err, -EAGAIN, "broker", "worker");
	c->net = reuse_take_net(&s->reuse);
	if (!r->name[0])
		return 0;
	c->limits = r->limits;
	return reuse_take_cgroup(&s->reuse, r->name, &r->limits, any_cgroup(s), &c->cgroup, err);
}

static int spawn(struct server *s, const struct broker_request *r, struct child *c, int to, struct ukvmm_err *err)
{
	struct worker_config config = { .flags = r->flags | s->config.flags, .program = s->config.program,
		.uid = s->config.uid, .gid = s->config.gid, .memory = r->memory, .vcpus = r->vcpus, .irqchip = r->irqchip };
	struct birth b = { .pid = 0, .pidfd = -1 };
	int rc = house(s, r, c, err);

	config.cgroup = c->cgroup;
	config.net = c->net > 0 ? c->net : 0;
	config.mounts = s->reuse.mounts > 0 ? s->reuse.mounts : 0;
	if (rc == 0) {
		free_low(s);
		rc = birth_give(&config, to, c->sock, s->kvm, &b, err);
		keep_low(s);
	}
	c->pid = b.pid > 0 ? b.pid : 0;
	c->pidfd = b.pidfd;
	if (rc == 0 && c->cgroup)
		rc = cgroup_place(c->cgroup, c->pid, err);
	if (rc < 0)
		return rc;
	rc = watch(s, c->pidfd, EPOLLIN, c);
	if (rc == 0)
		/* no events: what is left is a hang-up */
		rc = watch(s, c->sock, EPOLLET, c);
	return rc < 0 ? failure(err, rc, "epoll_ctl", "worker") : 0;
}

/* What fails here is said as the worker would have said it. */
static void serve_spawn(struct server *s, const struct broker_request *r, const int fds[BROKER_FDS])
{
	struct message_failed m = { .phase = PHASE_BIRTH, .err = { .size = sizeof m.err } };
	struct child *c = calloc(1, sizeof *c);
	int rc;

	if (!c) {
		close(fds[0]);
		close(fds[1]);
		return;
	}
	*c = (struct child){ .next = s->children, .id = r->id, .sock = fds[0], .pidfd = -1, .net = -1 };
	s->children = c;
	s->len++;
	rc = spawn(s, r, c, fds[1], &m.err);
	close(fds[1]);
	if (rc == 0)
		return;
	message_send(c->sock, MESSAGE_FAILED, &m);
	if (c->pidfd < 0) {
		forget(s, c);
		return;
	}
	pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
	bury(s, c, 0);
}

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
		serve_spawn(s, &r, fds);
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

static void end_all(struct server *s)
{
	for (struct child *c = s->children; c; c = c->next)
		pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
	while (s->children)
		bury(s, s->children, 0);
	reuse_end(&s->reuse);
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
		serve_child(s, dead);
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
	if (s.epoll < 0 || watch(&s, s.sock, EPOLLIN, NULL) < 0)
		_exit(125);
	keep_low(&s);
	for (;;) {
		if (epoll_wait(s.epoll, &e, 1, -1) == 1 && serve_one(&s, e.data.ptr) < 0)
			break;
	}
	end_all(&s);
	_exit(0);
}
