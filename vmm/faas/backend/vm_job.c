/* SPDX-License-Identifier: Apache-2.0 */
/* An instance's job, as its worker is told, and the queue of those that wait for a worker. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "failure.h"
#include "internal.h"

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
		return failure(err, -errno, "socketpair", i->name);
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
	rc = vm_watch(i, worker, pair[0]);
	if (rc < 0)
		failure(err, rc, "epoll_ctl", i->name);
	else
		rc = worker_start(worker, &job, err);
	close(pair[1]);
	if (rc < 0) {
		vm_unwatch(i);
		close(pair[0]);
		return rc;
	}
	i->worker = worker;
	i->times.taken = loop_clock();
	instance_begins(i);
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

/* Out of the queue with its job: 0. -EAGAIN: there is none for it now. Another errno: nothing comes of it. */
static int serve_one(struct instance *i, struct ukvmm_err *err)
{
	struct backend *b = i->b;
	struct worker *worker;
	int rc;

	while (!i->opening && (worker = spares_take(b, i->memory, i->vcpus))) {
		rc = vm_give_job(i, worker, err);
		if (rc == 0)
			return 0;
		worker_free(worker);
		if (rc != -EPIPE) /* it died just now */
			return rc;
	}
	if (i->opening || b->failures < FAILURES) /* one is on its way */
		return -EAGAIN;
	return failure(err, -ENOEXEC, "worker", "none could be made: see `ukvmm doctor`");
}

/* Workers that have got ready go to those that wait, in order of their kinds. */
void vm_serve_queue(struct loop_task *task)
{
	struct backend *b = (struct backend *)((char *)task - offsetof(struct backend, serve));
	struct ukvmm_err err = { .size = sizeof err };
	struct instance *next;
	char text[END_TEXT];
	int rc;

	for (struct instance *i = b->waiting; i; i = next) {
		next = i->next;
		rc = serve_one(i, &err);
		if (rc == -EAGAIN)
			continue;
		vm_leave_queue(i);
		if (rc == 0)
			continue;
		snprintf(text, sizeof text, "%s(%s): %s", err.call, err.object, err.text);
		vm_gone(i, DIED_FAILED, text);
		next = b->waiting; /* whoever was told may have had others leave */
	}
	fill_now(b);
	fill_later(b);
	leaving_look(b);
	b->failures = b->waiting ? b->failures : 0;
}
