/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli.h"
#include "cmdline.h"
#include "guest_limits.h"
#include "report.h"

enum { DEFAULT_MEMORY = 128 << 20 };

static int open_files(struct machine *m, const struct run_options *o)
{
	m->initrd = -1;
	m->image = cli_open_image(o->image);
	if (m->image < 0)
		return -m->image;
	if (!o->initrd)
		return CLI_OK;
	m->initrd = open(o->initrd, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (m->initrd >= 0)
		return CLI_OK;
	report_errno("open", o->initrd, errno);
	return CLI_FAILED;
}

static uint32_t worker_flags(const struct run_options *o)
{
	uint32_t flags = 0;

	if (o->no_sandbox)
		flags |= WORKER_NO_SANDBOX;
	if (o->sandbox_trace)
		flags |= WORKER_TRACE;
	for (uint32_t i = 0; i < o->devices.disks_len; i++)
		if (o->devices.disks[i]->flags & UKVMM_BLK_URING)
			flags |= WORKER_URING;
	if (o->devices.vsock.path)
		flags |= WORKER_VSOCK;
	return flags;
}

static void start_worker(struct machine *m, const struct run_options *o)
{
	struct worker_config config = {
		.flags = worker_flags(o),
		.kvm_fd = o->kvm_fd,
		.memory = o->memory ? o->memory : DEFAULT_MEMORY,
		.vcpus = o->cpus,
		.irqchip = o->irqchip,
		.cgroup = m->cgroup,
	};

	/* ignored, which is inherited, it would lose us how a child ended */
	signal(SIGCHLD, SIG_DFL);
	if (worker_new(&config, &m->worker, &m->worker_err) < 0)
		m->worker = NULL;
}

/* Told here, where it is known that it was the option's. */
static int check_kvm(const struct run_options *o)
{
	if (o->kvm_fd < 0 || fcntl(o->kvm_fd, F_GETFD) >= 0)
		return 0;
	report("run", "--kvm-fd", "file descriptor %d is not open", o->kvm_fd);
	return -1;
}

static int open_console(struct machine *m)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		report_errno("socketpair", "console", errno);
		return CLI_FAILED;
	}
	m->console = pair[0];
	m->worker_console = pair[1];
	return CLI_OK;
}

int machine_open(struct machine *m, const struct run_options *o)
{
	const char *slash = strrchr(o->image, '/');
	int status;

	snprintf(m->name, sizeof m->name, "%s", slash ? slash + 1 : o->image);
	m->devices.vsock.door = m->devices.vsock.listener = -1;
	if (check_kvm(o) < 0 || limits_make(m, o) < 0)
		return CLI_FAILED;
	start_worker(m, o);
	/* all files before anything that the host may refuse: a mistyped name is the likeliest trouble */
	status = open_files(m, o);
	if (status != CLI_OK)
		return status;
	/* programs that this starts get ready while we do the rest */
	if (devices_open(&m->devices, &o->devices) < 0)
		return CLI_FAILED;
	if (!m->worker) {
		report_err(&m->worker_err, NULL);
		return CLI_FAILED;
	}
	return open_console(m);
}

static void fill(const struct machine *m, const struct run_options *o, struct message_job *j)
{
	memcpy(j->name, m->name, sizeof j->name);
	j->memory = o->memory;
	j->vcpus = o->cpus;
	j->boot = o->boot;
	j->irqchip = o->irqchip;
	j->hugepages = o->hugepages;
	j->kicks = o->kicks;
	j->image_flags = o->decompress ? UKVMM_IMAGE_DECOMPRESS : 0;
	j->image_fd = m->image;
	j->initrd_fd = m->initrd;
	j->console_fd = m->worker_console;
	j->flags = o->hvt_exec_data ? JOB_HVT_EXEC_DATA : 0;
	devices_fill(&m->devices, &o->devices, j);
}

/* What is the worker's alone from now on: an end that nobody else has tells of its death. */
static void let_go(struct machine *m)
{
	close(m->worker_console);
	if (m->devices.vsock.worker_door >= 0)
		close(m->devices.vsock.worker_door);
}

int machine_start(struct machine *m, const struct run_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	static struct worker_job job;
	char *words;
	int rc;

	if (limits_set(m, o) < 0)
		return CLI_FAILED;
	rc = cmdline_join(o->args, o->args_len, &words);
	if (rc == -ENOMEM)
		report_errno("malloc", "command line", rc);
	if (rc < 0)
		return CLI_FAILED;
	worker_job_init(&job);
	fill(m, o, &job.config);
	job.texts = (struct message_texts){ o->cmdline, words };
	rc = worker_start(m->worker, &job, &err);
	free(words);
	let_go(m);
	if (rc == 0)
		return CLI_OK;
	if (rc == -EMSGSIZE)
		report("run", "--cmdline", "a command line has at most %d bytes", MESSAGE_TEXT);
	else
		report_err(&err, NULL);
	return CLI_FAILED;
}

/* The library was given descriptors and names: the operator called them otherwise. NULL: as the library calls it. */
static const char *object_of(const struct machine *m, const struct run_options *o, const struct message_failed *f,
	char *text, size_t len)
{
	const struct device_options *d = &o->devices;

	if (f->phase == PHASE_IMAGE)
		return o->image;
	if (f->phase == PHASE_INITRD)
		return o->initrd;
	if (f->err.code == -EEXIST)
		return NULL;
	if (f->phase == PHASE_NET && f->index < d->nets_len) {
		net_describe(d->nets[f->index], m->devices.net_name[f->index], text, len);
		return text;
	}
	if (f->phase != PHASE_DISK || f->index >= d->disks_len)
		return NULL;
	if (!d->disks[f->index]->top)
		return d->disks[f->index]->path;
	snprintf(text, len, "%s,overlay=%s", d->disks[f->index]->path, d->disks[f->index]->top);
	return text;
}

int machine_failed(const struct machine *m, const struct run_options *o, const struct message_failed *f)
{
	const struct ukvmm_err *err = &f->err;
	char text[512];

	report_err(err, object_of(m, o, f, text, sizeof text));
	if (f->phase == PHASE_IMAGE && (err->code == -ENOEXEC || err->code == -EFBIG))
		return CLI_NOT_BOOTABLE;
	return f->phase == PHASE_SEAL && err->code == -ENOEXEC ? CLI_NOT_BOOTABLE : CLI_FAILED;
}

void machine_close(struct machine *m, const struct run_options *o)
{
	worker_free(m->worker);
	m->worker = NULL;
	devices_close(&m->devices, &o->devices);
	limits_close(m);
}
