/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance has besides its worker: files, a tap, a command line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmdline.h"
#include "failure.h"
#include "internal.h"

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

int vm_admit(struct backend *b, const struct spec *spec, struct ukvmm_err *err)
{
	if (spec->egress && spec->egress->n_peers > 0 && !b->options.ready_port) {
		failure(err, -ENOTSUP, "egress", spec->name);
		snprintf(err->text, sizeof err->text, "functions call others at --callback, which serve has not");
		return -ENOTSUP;
	}
	return uplink_admit(b->options.uplink, spec, err);
}

int vm_prepare(struct instance *i, const struct instance_plan *plan, struct ukvmm_err *err)
{
	int rc;

	i->memory = plan->spec->memory;
	i->vcpus = plan->spec->vcpus;
	i->port = (uint16_t)plan->spec->port;
	snprintf(i->name, sizeof i->name, "%s", plan->name);
	rc = take_files(i, plan);
	if (rc < 0)
		return failure(err, rc, "dup", plan->name);
	rc = taps_take(i->b->taps, &i->tap, err);
	if (rc < 0)
		return rc == -ENOSPC ? -EAGAIN : rc;
	i->cmdline = cmdline_make(plan->spec, i->tap, i->b->options.ready_port, plan->token);
	if (!i->cmdline)
		return failure(err, -ENOMEM, "malloc", plan->name);
	if (!spec_egress(plan->spec))
		return 0;
	if (!i->b->gates) /* it was deployed when there was one */
		return vm_admit(i->b, plan->spec, err);
	rc = gate_open(i, plan->spec);
	return rc < 0 ? failure(err, rc, "malloc", plan->name) : 0;
}

void vm_unprepare(struct instance *i)
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
