/* SPDX-License-Identifier: Apache-2.0 */
#include "vm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "failure.h"
#include "internal.h"

enum { OVERHEAD = 12 << 20 };

static int vm_start(struct backend *b, const struct instance_plan *plan, void *user, struct instance **out,
	struct ukvmm_err *err)
{
	struct instance *i = calloc(1, sizeof *i);
	struct worker *worker;
	int rc;

	if (!i)
		return failure(err, -ENOMEM, "malloc", plan->name);
	*i = (struct instance){ .b = b, .user = user, .image_fd = -1, .initrd_fd = -1, .secrets_fd = -1 };
	rc = vm_prepare(i, plan, err);
	if (rc < 0) {
		vm_unprepare(i);
		return rc;
	}
	fill_wanted(b, i->memory, i->vcpus);
	worker = i->opening ? NULL : spares_take(b, i->memory, i->vcpus);
	if (!worker || vm_give_job(i, worker, err) < 0) {
		worker_free(worker);
		vm_wait(i);
	}
	loop_defer(b->loop, &b->serve);
	*out = i;
	return 0;
}

static void on_gone(struct loop_task *task)
{
	struct instance *i = (struct instance *)((char *)task - offsetof(struct instance, gone));

	vm_gone(i, DIED_STOPPED, "it was stopped before it began");
}

static void vm_stop(struct instance *i)
{
	if (i->stopping)
		return;
	i->stopping = true;
	if (i->worker) {
		instance_begun(i);
		leaving_add(i);
		return;
	}
	if (i->opening) /* the end is told when that is done */
		return;
	vm_leave_queue(i);
	i->gone.run = on_gone;
	loop_defer(i->b->loop, &i->gone);
}

void vm_gone(struct instance *i, enum instance_cause cause, const char *text)
{
	struct instance_end end = { cause, text, i->cost };
	struct backend *b = i->b;

	loop_timer_stop(b->loop, &i->deadline);
	loop_cancel(b->loop, &i->gone);
	leaving_remove(i);
	instance_begun(i);
	b->events->died(i->user, &end);
	vm_unprepare(i);
	if (b->options.more)
		b->options.more(b->options.arg);
}

static void vm_address(const struct instance *i, struct sockaddr_in *out)
{
	*out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = i->tap->guest, .sin_port = htons(i->port) };
}

static void vm_times(const struct instance *i, struct instance_times *out)
{
	*out = i->times;
}

/* As it was told last; it is asked for the next time. */
static void vm_cost(const struct instance *i, struct instance_cost *out)
{
	*out = i->cost;
	if (i->worker && i->heard)
		worker_ask(i->worker);
}

static int vm_core(struct instance *i, bool memory, int fd)
{
	return i->worker && i->heard ? worker_core(i->worker, memory ? CORE_MEMORY : 0, fd) : -EAGAIN;
}

static void on_lost(struct loop_task *task)
{
	struct instance *i = (struct instance *)((char *)task - offsetof(struct instance, gone));

	vm_gone(i, DIED_CRASHED, "it died when it had become ready");
}

/*
 * A guest that knows nothing of us says nothing: its machine is not exchanged for another any more when it dies. Nor the
 * one that has died already when we hear that it serves.
 */
static void vm_serves(struct instance *i)
{
	if (i->heard)
		return;
	i->heard = true;
	if (i->worker) {
		instance_begun(i);
		worker_ask(i->worker);
		return;
	}
	vm_leave_queue(i);
	i->gone.run = on_lost;
	loop_defer(i->b->loop, &i->gone);
}

static void vm_hold(struct instance *i)
{
	if (!i->worker || worker_hold(i->worker) < 0)
		vm_stop(i);
}

static int vm_open(struct loop *loop, struct work *work, const struct instance_events *events,
	const struct backend_options *options, struct backend **out, struct ukvmm_err *err)
{
	struct backend *b = *out;
	int rc;

	b->loop = loop;
	b->work = work;
	b->events = events;
	b->options = *options;
	b->serve.run = vm_serve_queue;
	b->waiting_end = &b->waiting;
	b->leaving_end = &b->leaving;
	rc = makers_watch(b);
	if (rc < 0)
		return failure(err, rc, "epoll_ctl", "broker");
	if (options->uplink && !uplink_missing(options->uplink))
		rc = work_new(loop, &b->gates);
	if (rc < 0)
		return failure(err, rc, "thread", "egress");
	rc = taps_new(options->addresses, b->gates ? UPLINK_BLOCKS : 0, &b->taps, err);
	return rc < 0 ? rc : taps_prepare(b->taps, options->pool, err);
}

static void vm_close(struct backend *b)
{
	if (b->loop) {
		loop_cancel(b->loop, &b->serve);
		leaving_stop(b);
		spares_free(b);
	}
	work_free(b->gates);
	taps_free(b->taps);
	makers_free(b);
}

const struct backend_ops vm_backend = { "microvm", vm_open, vm_close, vm_check, vm_start, vm_stop, vm_address, vm_times,
	vm_cost, OVERHEAD, vm_core, vm_hold, makers_early, makers_notes, vm_admit, vm_serves };
