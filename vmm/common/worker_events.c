/* SPDX-License-Identifier: Apache-2.0 */
/* What is heard of a worker, from itself, from the kernel, from its broker. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "worker_own.h"

void worker_kill_now(const struct worker *w)
{
	if (w->pidfd >= 0 && !w->dead)
		pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
}

void worker_kill(struct worker *w)
{
	w->killed = true;
	worker_kill_now(w);
	/* the broker sees it, and tells when it is done */
	if (w->brokered && w->sock >= 0)
		shutdown(w->sock, SHUT_WR);
}

void worker_hang_up(struct worker *w)
{
	close(w->sock);
	w->sock = -1;
	if (w->brokered)
		w->dead = true;
	worker_kill_now(w);
}

void worker_reap(struct worker *w, int options)
{
	int rc;

	if (w->dead || w->brokered)
		return;
	w->end = (siginfo_t){ 0 };
	do
		rc = waitid(P_PIDFD, (id_t)w->pidfd, &w->end, WEXITED | __WALL | options);
	while (rc < 0 && errno == EINTR);
	/* ECHILD: where SIGCHLD is ignored the kernel keeps no status */
	w->dead = rc < 0 || w->end.si_pid != 0;
}

/* Which event a message is in this state; 0: a worker does not say that now. */
static enum worker_event_type meaning(struct worker *w, uint32_t type)
{
	switch (type) {
	case MESSAGE_READY:
		return w->state == BORN ? WORKER_READY : 0;
	case MESSAGE_FAILED:
		return w->state == BORN || w->state == BUSY ? WORKER_FAILED : 0;
	default:
		break;
	}
	if (w->state != BUSY)
		return 0;
	switch (type) {
	case MESSAGE_NOTIFY:
		return WORKER_NOTIFY;
	case MESSAGE_BROKEN:
		return WORKER_BROKEN;
	case MESSAGE_STATS:
		return WORKER_STATS;
	case MESSAGE_STOPPED:
		return WORKER_STOPPED;
	default:
		return 0;
	}
}

static void take_death(struct worker *w, const struct message_dead *m)
{
	w->death = worker_death_of(m->cause == CAUSE_EXIT ? CLD_EXITED : CLD_KILLED, m->number, m->cause != CAUSE_UNKNOWN);
	if (m->cause == CAUSE_MEMORY)
		w->death.cause = CAUSE_MEMORY;
	worker_hang_up(w);
}

/* It sent what none sends. A broker's is heard out: until it is dead it has what its job had. */
static void lied(struct worker *w)
{
	w->lied = true;
	if (w->brokered)
		shutdown(w->sock, SHUT_WR);
	else
		worker_hang_up(w);
}

/* Nobody has the other end any more. An empty packet, too, reads as an end. */
static bool is_closed(const struct worker *w)
{
	struct pollfd p = { .fd = w->sock };

	return !w->brokered || (poll(&p, 1, 0) > 0 && p.revents & POLLHUP);
}

/* Of one that lies nothing is of interest but its end; nor of one that was killed before it was born, and then is not. */
static bool ignored(const struct worker *w)
{
	return w->lied || (w->brokered && w->killed && w->state == BORN);
}

/* One message, if there is one: true. */
static bool hear(struct worker *w, struct worker_event *event)
{
	int rc = w->sock < 0 ? 0 : message_receive(w->sock, &event->message);

	if (rc == 0)
		return false;
	if (rc > 0 && w->brokered && event->message.head.type == MESSAGE_DEAD &&
		event->message.dead.proof == w->proof) {
		take_death(w, &event->message.dead);
		return false;
	}
	if (rc > 0 && ignored(w))
		return false;
	if (rc > 0) {
		event->type = meaning(w, event->message.head.type);
		if (event->type == WORKER_READY)
			w->state = READY;
		else if (event->type == WORKER_FAILED || event->type == WORKER_STOPPED)
			w->state = DONE;
		if (event->type)
			return true;
	}
	if (rc == -EPIPE && is_closed(w))
		worker_hang_up(w);
	else if (!w->lied)
		lied(w);
	return false;
}

static struct worker_death death_of(const struct worker *w)
{
	struct worker_death d = w->death;

	/* ECHILD leaves no status */
	if (!w->brokered)
		d = worker_death_of(w->end.si_code, w->end.si_status, w->end.si_pid != 0);
	if (w->lied)
		d = (struct worker_death){ CAUSE_LIES, 0, 125, false };
	else if (w->killed && (w->brokered || (d.cause == CAUSE_SIGNAL && d.number == SIGKILL)))
		d = (struct worker_death){ CAUSE_KILLED, SIGKILL, 128 + SIGKILL, false };
	else if (d.cause == CAUSE_SIGNAL && d.number == SIGKILL && w->cgroup && cgroup_ran_out(w->cgroup))
		d.cause = CAUSE_MEMORY;
	d.done = w->state == DONE;
	if (d.done && d.cause == CAUSE_EXIT)
		d.status = d.number;
	return d;
}

int worker_next(struct worker *w, struct worker_event *event)
{
	if (w->told)
		return 0;
	/* in this order: what it said before its end is still there */
	worker_reap(w, WNOHANG);
	if (hear(w, event))
		return 1;
	if (!w->dead)
		return 0;
	if (w->sock >= 0)
		worker_hang_up(w);
	w->told = true;
	event->type = WORKER_DEAD;
	event->death = death_of(w);
	return 1;
}
