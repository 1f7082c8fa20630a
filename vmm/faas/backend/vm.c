/* SPDX-License-Identifier: Apache-2.0 */
#include "vm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "cmdline.h"
#include "internal.h"

enum { OVERHEAD = 12 << 20 };

static int put(struct ukvmm_err *err, const char *call, const char *object, int code)
{
	err->code = code;
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->object, sizeof err->object, "%s", object);
	snprintf(err->text, sizeof err->text, "%s", strerror(-code));
	return code;
}

static void fill_card(struct message_job *j, const struct tap *tap)
{
	j->nets_len = 1;
	snprintf(j->net[0].name, sizeof j->net[0].name, "net0");
	j->net[0].kind = UKVMM_NET_TAP;
	j->net[0].fd = tap->fd;
	memcpy(j->net[0].mac, tap->mac, sizeof tap->mac);
}

static void add_disk(struct message_job *j, const char *name, int fd)
{
	struct message_disk *disk = &j->disk[j->disks_len++];

	snprintf(disk->name, sizeof disk->name, "%s", name);
	snprintf(disk->serial, sizeof disk->serial, "%s", name);
	disk->flags = UKVMM_BLK_READ_ONLY;
	disk->fd = fd;
	disk->top_fd = -1;
}

/* Its own first, so that they are where they would be without secrets. */
static void fill_disks(struct message_job *j, const struct instance *i)
{
	char name[16];

	for (uint32_t d = 0; d < i->n_disks; d++) {
		snprintf(name, sizeof name, "disk%u", d);
		add_disk(j, name, i->disk_fd[d]);
	}
	if (i->secrets_fd >= 0)
		add_disk(j, "secrets", i->secrets_fd);
}

int vm_give_job(struct instance *i, struct worker *worker, struct ukvmm_err *err)
{
	static struct worker_job job; /* large; one thread */
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return put(err, "socketpair", i->name, -errno);
	worker_job_init(&job);
	snprintf(job.config.name, sizeof job.config.name, "%s", i->name);
	job.config.memory = i->memory;
	job.config.vcpus = i->vcpus;
	job.config.image_fd = i->image_fd;
	job.config.initrd_fd = i->initrd_fd;
	job.config.console_fd = pair[1];
	fill_card(&job.config, i->tap);
	fill_disks(&job.config, i);
	job.texts.cmdline = i->cmdline;
	rc = worker_start(worker, &job, err);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	i->worker = worker;
	i->times.taken = loop_clock();
	instance_begins(i);
	vm_watch(i, pair[0]);
	return 0;
}

void vm_wait(struct instance *i)
{
	struct backend *b = i->b;

	i->next = NULL;
	*b->waiting_end = i;
	b->waiting_end = &i->next;
	loop_defer(b->loop, &b->serve);
}

/* Workers that have got ready go to those that wait, in order of their kinds. */
static void serve(struct loop_task *task)
{
	struct backend *b = (struct backend *)((char *)task - offsetof(struct backend, serve));
	struct ukvmm_err err = { .size = sizeof err };
	struct instance **at = &b->waiting;
	struct worker *worker;
	int rc;

	while (*at) {
		struct instance *i = *at;
		char text[END_TEXT];

		worker = i->opening ? NULL : spares_take(b, i->memory, i->vcpus);
		if (i->opening || (!worker && b->failures < FAILURES)) { /* one is on its way */
			at = &i->next;
			continue;
		}
		rc = worker ? vm_give_job(i, worker, &err) : -ENOENT;
		if (rc == -EPIPE) { /* it has died since it was looked at: the next one */
			worker_free(worker);
			continue;
		}
		*at = i->next;
		if (!i->next)
			b->waiting_end = at;
		if (rc == 0)
			continue;
		worker_free(worker);
		snprintf(text, sizeof text, "%s(%s): %s", err.call, err.object, err.text);
		vm_gone(i, DIED_FAILED, worker ? text : "no worker could be made: see `ukvmm doctor`");
	}
	fill_now(b);
	fill_later(b);
	leaving_look(b);
	b->failures = b->waiting ? b->failures : 0;
}

static int take_file(int from, int *to)
{
	*to = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, 0);
	return from >= 0 && *to < 0 ? -errno : 0;
}

static int take_files(struct instance *i, const struct instance_plan *plan)
{
	int rc = take_file(plan->image_fd, &i->image_fd);

	if (rc == 0)
		rc = take_file(plan->initrd_fd, &i->initrd_fd);
	if (rc == 0)
		rc = take_file(plan->secrets_fd, &i->secrets_fd);
	for (; rc == 0 && i->n_disks < plan->spec->n_disks; i->n_disks += rc == 0)
		rc = take_file(plan->disk_fd[i->n_disks], &i->disk_fd[i->n_disks]);
	return rc;
}

static int vm_admit(struct backend *b, const struct spec *spec, struct ukvmm_err *err)
{
	if (spec->egress && spec->egress->n_peers > 0 && !b->options.ready_port) {
		put(err, "egress", spec->name, -ENOTSUP);
		snprintf(err->text, sizeof err->text, "functions call others at --callback, which serve has not");
		return -ENOTSUP;
	}
	return uplink_admit(b->options.uplink, spec, err);
}

static int prepare(struct instance *i, const struct instance_plan *plan, struct ukvmm_err *err)
{
	int rc;

	i->memory = plan->spec->memory;
	i->vcpus = plan->spec->vcpus;
	i->port = (uint16_t)plan->spec->port;
	snprintf(i->name, sizeof i->name, "%s", plan->name);
	rc = take_files(i, plan);
	if (rc < 0)
		return put(err, "dup", plan->name, rc);
	rc = taps_take(i->b->taps, &i->tap, err);
	if (rc < 0)
		return rc == -ENOSPC ? -EAGAIN : rc;
	i->cmdline = cmdline_make(plan->spec, i->tap, i->b->options.ready_port, plan->token);
	if (!i->cmdline)
		return put(err, "malloc", plan->name, -ENOMEM);
	if (!spec_egress(plan->spec))
		return 0;
	if (!i->b->gates) /* it was deployed when there was one */
		return vm_admit(i->b, plan->spec, err);
	rc = gate_open(i, plan->spec);
	return rc < 0 ? put(err, "malloc", plan->name, rc) : 0;
}

static void unprepare(struct instance *i)
{
	const int fds[] = { i->image_fd, i->initrd_fd, i->secrets_fd };

	for (int n = 0; n < 3; n++)
		if (fds[n] >= 0)
			close(fds[n]);
	for (uint32_t n = 0; n < i->n_disks; n++)
		close(i->disk_fd[n]);
	if (i->gate)
		gate_close(i);
	else if (i->tap)
		taps_give(i->b->taps, i->tap);
	free(i->cmdline);
	free(i);
}

static int vm_start(struct backend *b, const struct instance_plan *plan, void *user, struct instance **out,
	struct ukvmm_err *err)
{
	struct instance *i = calloc(1, sizeof *i);
	struct worker *worker;
	int rc;

	if (!i)
		return put(err, "malloc", plan->name, -ENOMEM);
	*i = (struct instance){ .b = b, .user = user, .image_fd = -1, .initrd_fd = -1, .secrets_fd = -1 };
	rc = prepare(i, plan, err);
	if (rc < 0) {
		unprepare(i);
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

void vm_leave_queue(struct instance *i)
{
	struct backend *b = i->b;

	for (struct instance **at = &b->waiting; *at; at = &(*at)->next) {
		if (*at != i)
			continue;
		*at = i->next;
		if (!i->next)
			b->waiting_end = at;
		return;
	}
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
	unprepare(i);
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
	b->serve.run = serve;
	b->waiting_end = &b->waiting;
	b->leaving_end = &b->leaving;
	rc = makers_watch(b);
	if (rc < 0)
		return put(err, "epoll_ctl", "broker", rc);
	if (options->uplink && !uplink_missing(options->uplink))
		rc = work_new(loop, &b->gates);
	if (rc < 0)
		return put(err, "thread", "egress", rc);
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
	vm_cost, OVERHEAD, vm_core, vm_hold, makers_early, makers_notes, vm_admit };
