/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker with a job tells, and its end. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "internal.h"

#define END_NS 300000000u /* to end by itself; then it is killed */

enum { READS = 16, LAST_READS = 128 /* more than a socket holds */, READY_VALUE = 1 };

/* Returns false at the end of the output. */
static bool read_some(struct instance *i)
{
	char bytes[8192];
	ssize_t n = read(i->console.fd, bytes, sizeof bytes);

	i->heard |= n > 0;
	if (n > 0)
		instance_begun(i);
	if (n > 0)
		i->b->events->log(i->user, bytes, (size_t)n);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void on_console(struct loop_fd *watch, uint32_t events)
{
	struct instance *i = (struct instance *)((char *)watch - offsetof(struct instance, console));

	(void)events;
	if (!read_some(i))
		loop_unwatch(i->b->loop, watch);
}

/* What was written before it died; bounded, as an end of the socket might have been kept open. */
static void drain(struct instance *i)
{
	for (int n = 0; n < LAST_READS && i->console.events; n++)
		on_console(&i->console, 0);
	loop_unwatch(i->b->loop, &i->console);
	close(i->console.fd);
}

static void keep_stats(struct instance *i, const struct message_stats *s)
{
	i->times.created = s->vm.created_at;
	i->times.loaded = s->vm.sealed_at;
	i->times.entered = s->vm.first_entry_at;
	i->cost = (struct instance_cost){ s->vcpus.run_cpu_ns + s->vm.io_cpu_ns, s->vm.rx_bytes, s->vm.tx_bytes,
		s->vcpus.exits };
}

static void note_end(struct instance *i, const struct ukvmm_err *err, const char *otherwise)
{
	if (err->call[0])
		snprintf(i->end_text, sizeof i->end_text, "%.31s(%.63s): %.151s", err->call, err->object, err->text);
	else
		snprintf(i->end_text, sizeof i->end_text, "%s", otherwise);
}

/* One that is told to stop may have died before it heard of it: its connection breaks first. */
static bool as_asked(const struct instance *i, const struct worker_death *death)
{
	bool crashed = death->cause == CAUSE_MEMORY || death->cause == CAUSE_LIES ||
		(death->cause == CAUSE_SIGNAL && death->number != SIGKILL);

	return i->stopping && !i->ended && !crashed;
}

/*
 * The worker was dead already, or as good as: another one gets the job. Who kills some from outside has perhaps killed all
 * that wait, of whose ends we hear one after the other; one that ends otherwise may do so for what its job is.
 */
static bool try_another(struct instance *i, const struct worker_death *death)
{
	bool killed = death->cause == CAUSE_SIGNAL && death->number == SIGKILL;

	if (i->heard || death->done || i->stopping)
		return false;
	if (i->lost == 0)
		i->found = spares_ready(i->b);
	return i->lost++ < FAILURES + (killed ? i->found : 0);
}

static void on_dead(struct instance *i, const struct worker_death *death)
{
	enum instance_cause cause = i->failed ? DIED_FAILED : death->done ? DIED_ENDED : DIED_CRASHED;
	char text[END_TEXT];

	worker_death_text(death, text, sizeof text);
	drain(i);
	loop_unwatch(i->b->loop, &i->watch);
	worker_free(i->worker);
	i->worker = NULL;
	instance_begun(i);
	if (try_another(i, death)) {
		vm_wait(i);
		return;
	}
	vm_gone(i, as_asked(i, death) ? DIED_STOPPED : cause, i->end_text[0] ? i->end_text : text);
}

/* False: the instance is gone. */
static bool take(struct instance *i, const struct worker_event *e)
{
	switch (e->type) {
	case WORKER_NOTIFY:
		i->heard = true;
		instance_begun(i);
		if (e->message.notify.value == READY_VALUE) {
			worker_ask(i->worker);
			i->b->events->ready(i->user);
		}
		return true;
	case WORKER_STATS:
		keep_stats(i, &e->message.stats);
		return true;
	case WORKER_FAILED:
		i->failed = true;
		note_end(i, &e->message.failed.err, "it could not be started");
		return true;
	case WORKER_STOPPED:
		keep_stats(i, &e->message.stopped.stats);
		i->ended = e->message.stopped.stop.reason != UKVMM_STOP_STOPPED;
		note_end(i, &e->message.stopped.err, i->stopping ? "as it was told to" : "the guest ended by itself");
		return true;
	case WORKER_DEAD:
		on_dead(i, &e->death);
		return false;
	default:
		return true;
	}
}

static void on_event(struct loop_fd *watch, uint32_t events)
{
	struct instance *i = (struct instance *)((char *)watch - offsetof(struct instance, watch));
	static struct worker_event e; /* large; one thread, and not used by what it calls */

	(void)events;
	for (int n = 0; n < READS && worker_next(i->worker, &e); n++)
		if (!take(i, &e))
			return;
}

static void on_late(struct loop_timer *timer)
{
	worker_kill(((struct instance *)((char *)timer - offsetof(struct instance, deadline)))->worker);
}

int vm_watch(struct instance *i, struct worker *worker, int console)
{
	int rc;

	i->watch.ready = on_event;
	i->console.ready = on_console;
	i->deadline.due = on_late;
	rc = loop_watch(i->b->loop, &i->console, console, EPOLLIN);
	if (rc == 0)
		rc = loop_watch(i->b->loop, &i->watch, worker_fd(worker), EPOLLIN);
	if (rc < 0)
		vm_unwatch(i);
	return rc;
}

void vm_unwatch(struct instance *i)
{
	loop_unwatch(i->b->loop, &i->console);
	loop_unwatch(i->b->loop, &i->watch);
}

void vm_ask_end(struct instance *i)
{
	if (worker_stop(i->worker) < 0)
		worker_kill(i->worker);
	loop_timer_in(i->b->loop, &i->deadline, END_NS);
}
