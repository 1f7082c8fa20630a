/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's children: their births and their ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "birth.h"
#include "broker_own.h"
#include "failure.h"

/* Which of a child's two it was is found out by looking. */
int broker_watch(const struct server *s, int fd, uint32_t events, struct child *c)
{
	struct epoll_event e = { .events = events, .data = { .ptr = c } };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void tell_death(const struct child *c, const siginfo_t *end, bool known)
{
	struct worker_death d = worker_death_of(end->si_code, end->si_status, known);
	struct message_dead m = { .cause = d.cause, .number = d.number, .proof = c->proof };

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

void broker_serve_child(struct server *s, struct child *c)
{
	struct pollfd p = { .fd = c->sock, .events = POLLRDHUP };

	if (bury(s, c, WNOHANG))
		return;
	/* its control has let go, or wants it gone */
	if (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR))
		pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

static const struct cgroup *any_cgroup(const struct server *s)
{
	const struct child *c = s->children;

	while (c && !c->cgroup)
		c = c->next;
	return c ? c->cgroup : NULL;
}

void broker_keep_low(struct server *s)
{
	for (int i = 0; i < BROKER_LOW_FDS; i++)
		s->low[i] = fcntl(s->epoll, F_DUPFD_CLOEXEC, BIRTH_FDS);
}

static void free_low(struct server *s)
{
	for (int i = 0; i < BROKER_LOW_FDS; i++)
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
		broker_keep_low(s);
	}
	c->pid = b.pid > 0 ? b.pid : 0;
	c->pidfd = b.pidfd;
	if (rc == 0)
		rc = birth_place(&config, to, c->pid, err);
	if (rc < 0)
		return rc;
	rc = broker_watch(s, c->pidfd, EPOLLIN, c);
	if (rc == 0)
		/* a hang-up of half of it: its control wants to hear of its end */
		rc = broker_watch(s, c->sock, EPOLLRDHUP | EPOLLET, c);
	return rc < 0 ? failure(err, rc, "epoll_ctl", "worker") : 0;
}

/* What fails here is said as the worker would have said it. */
void broker_spawn(struct server *s, const struct broker_request *r, const int fds[BROKER_FDS])
{
	struct message_failed m = { .phase = PHASE_BIRTH, .err = { .size = sizeof m.err } };
	struct child *c = calloc(1, sizeof *c);
	int rc;

	if (!c) {
		close(fds[0]);
		close(fds[1]);
		return;
	}
	*c = (struct child){ .next = s->children, .id = r->id, .proof = r->proof, .sock = fds[0], .pidfd = -1, .net = -1 };
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

void broker_end_children(struct server *s)
{
	for (struct child *c = s->children; c; c = c->next)
		pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
	while (s->children)
		bury(s, s->children, 0);
}
