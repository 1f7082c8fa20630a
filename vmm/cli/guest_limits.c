/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_limits.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "block_device.h"
#include "cgroup.h"
#include "report.h"

enum {
	DEFAULT_MEMORY = 128 << 20,
	/* beside the vCPUs: the worker's io thread, those of disks, the one that the kernel makes for KVM */
	OTHER_TASKS = 32,
};

static bool io_wanted(const struct cgroup_io *io)
{
	return io->read_bytes || io->write_bytes || io->read_ops || io->write_ops;
}

static bool wanted(const struct run_options *o)
{
	return o->cpu_quota || o->memory_overhead || io_wanted(&o->io_max);
}

int limits_make(struct machine *m, const struct run_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	char name[32];

	if (!wanted(o))
		return 0;
	if (io_wanted(&o->io_max) && !o->devices.disks_len) {
		report("run", "--io-max", "there is no --disk whose device could be limited");
		return -1;
	}
	/* an image's file name may be anything */
	snprintf(name, sizeof name, "run-%d", getpid());
	if (cgroup_make(name, &m->cgroup, &err) == 0)
		return 0;
	report_err(&err, NULL);
	return -1;
}

/* The same device twice is the same limit twice. */
static int limit_file(const struct machine *m, const struct run_options *o, int fd, const char *path)
{
	struct ukvmm_err err = { .size = sizeof err };
	const char *where = "";
	dev_t device;
	int rc = fd < 0 ? 0 : block_device_of(fd, &device, &where);

	if (rc == -ENODEV)
		report("run", "--io-max", "%s is on %s, which has no block device to be limited; --disk %s,rate=N limits "
			"what the guest asks for", path, where, path);
	else if (rc < 0)
		report_errno("fstat", path, rc);
	else if (fd >= 0)
		rc = cgroup_limit_io(m->cgroup, device, &o->io_max, &err);
	if (rc < 0 && err.code == -ENOENT)
		report("run", "--io-max", "no such controller of cgroups here (%s)", err.call);
	else if (rc < 0 && err.code)
		report_err(&err, NULL);
	return rc < 0 ? -1 : 0;
}

static int limit_disks(const struct machine *m, const struct run_options *o)
{
	const struct device_options *d = &o->devices;
	int rc = 0;

	if (!io_wanted(&o->io_max))
		return 0;
	for (uint32_t i = 0; i < d->disks_len && rc == 0; i++) {
		rc = limit_file(m, o, m->devices.disk[i].fd, d->disks[i]->path);
		if (rc == 0)
			rc = limit_file(m, o, m->devices.disk[i].top_fd, d->disks[i]->top);
	}
	return rc;
}

int limits_set(struct machine *m, const struct run_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct cgroup_limits limits = {
		.memory = o->memory ? o->memory : DEFAULT_MEMORY,
		.overhead = o->memory_overhead,
		.cpu_percent = o->cpu_quota,
		.tasks = o->cpus + OTHER_TASKS,
	};

	if (!m->cgroup)
		return 0;
	if (cgroup_limit(m->cgroup, &limits, &err) == 0)
		return limit_disks(m, o);
	report_err(&err, NULL);
	return -1;
}

void limits_close(struct machine *m)
{
	cgroup_remove(m->cgroup);
	m->cgroup = NULL;
}
