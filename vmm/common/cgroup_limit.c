/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_files.h"
#include "failure.h"

enum {
	PERIOD_US = 100000,
	/* the kernel's tables for a guest's RAM: a slot's own, the host's page tables, KVM's */
	RAM_PER_TABLES = 128,
	OLD_SHARES = 1024, /* version 1's name for a weight of 100 */
};

int cgroup_write(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int cgroup_read(int dir, const char *file, char *text, size_t room)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, room - 1);
	if (n < 0)
		rc = -errno;
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return rc;
}

/* One value of one controller, under the name that it has in this version. */
static int set(const struct cgroup *c, enum cgroup_controller which, const char *file, const char *old,
	const char *text, struct ukvmm_err *err)
{
	int dir = c->dir[c->unified ? 0 : which];
	const char *name = c->unified ? file : old;
	int rc = dir < 0 ? -ENOENT : cgroup_write(dir, name, text);

	return rc < 0 ? failure(err, rc, name, c->name) : 0;
}

static int set_memory(const struct cgroup *c, const struct cgroup_limits *l, struct ukvmm_err *err)
{
	uint64_t overhead = l->overhead ? l->overhead : CGROUP_OVERHEAD + l->memory / RAM_PER_TABLES, all;
	char text[24];
	int rc;

	if (__builtin_add_overflow(l->memory, overhead, &all) || all > INT64_MAX)
		return failure(err, -ERANGE, "memory.max", c->name);
	snprintf(text, sizeof text, "%llu", (unsigned long long)all);
	rc = set(c, CGROUP_MEMORY, "memory.max", "memory.limit_in_bytes", text, err);
	/* without it the limit would only make the guest slow; not every kernel counts swap */
	if (rc == 0)
		set(c, CGROUP_MEMORY, "memory.swap.max", "memory.memsw.limit_in_bytes", c->unified ? "0" : text, NULL);
	return rc;
}

static int set_quota(const struct cgroup *c, uint32_t percent, struct ukvmm_err *err)
{
	uint64_t quota = (uint64_t)percent * PERIOD_US / 100;
	char text[48];

	if (c->unified) {
		snprintf(text, sizeof text, "%llu %d", (unsigned long long)quota, PERIOD_US);
		return set(c, CGROUP_CPU, "cpu.max", "", text, err);
	}
	snprintf(text, sizeof text, "%llu", (unsigned long long)quota);
	return set(c, CGROUP_CPU, "", "cpu.cfs_quota_us", text, err);
}

static int set_weight(const struct cgroup *c, uint32_t weight, struct ukvmm_err *err)
{
	char text[24];

	snprintf(text, sizeof text, "%u", c->unified ? weight : (uint32_t)((uint64_t)weight * OLD_SHARES / 100));
	return set(c, CGROUP_CPU, "cpu.weight", "cpu.shares", text, err);
}

/* Version 2 has one file, of version 1 each figure has its own. */
struct io_figure {
	uint64_t value;
	const char *key, *file;
};

static int set_io(const struct cgroup *c, dev_t device, const struct io_figure *f, struct ukvmm_err *err)
{
	unsigned int first = major(device), second = minor(device);
	char text[96];

	snprintf(text, sizeof text, c->unified ? "%u:%u %s=%llu" : "%u:%u %s%llu", first, second,
		c->unified ? f->key : "", (unsigned long long)f->value);
	return set(c, CGROUP_IO, "io.max", f->file, text, err);
}

int cgroup_limit_io(const struct cgroup *c, dev_t device, const struct cgroup_io *io, struct ukvmm_err *err)
{
	const struct io_figure figures[] = {
		{ io->read_bytes, "rbps", "blkio.throttle.read_bps_device" },
		{ io->write_bytes, "wbps", "blkio.throttle.write_bps_device" },
		{ io->read_ops, "riops", "blkio.throttle.read_iops_device" },
		{ io->write_ops, "wiops", "blkio.throttle.write_iops_device" },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof figures / sizeof figures[0] && rc == 0; i++)
		if (figures[i].value)
			rc = set_io(c, device, &figures[i], err);
	return rc;
}

int cgroup_limit(const struct cgroup *c, const struct cgroup_limits *l, struct ukvmm_err *err)
{
	char text[16];
	int rc = l->memory ? set_memory(c, l, err) : 0;

	if (rc == 0 && l->cpu_percent)
		rc = set_quota(c, l->cpu_percent, err);
	if (rc == 0 && l->cpu_weight)
		rc = set_weight(c, l->cpu_weight, err);
	if (rc == 0 && l->tasks) {
		snprintf(text, sizeof text, "%u", l->tasks);
		rc = set(c, CGROUP_PIDS, "pids.max", "pids.max", text, err);
	}
	return rc;
}

bool cgroup_ran_out(const struct cgroup *c)
{
	static const char key[] = "oom_kill ";
	char text[1024], *at;
	int dir = c->dir[c->unified ? 0 : CGROUP_MEMORY];

	if (dir < 0 || cgroup_read(dir, c->unified ? "memory.events" : "memory.oom_control", text, sizeof text) < 0)
		return false;
	for (at = text; (at = strstr(at, key)); at += sizeof key - 1)
		/* not the tail of another word, as oom_kill_disable is its head */
		if (at == text || at[-1] == '\n')
			return strtoull(at + sizeof key - 1, NULL, 10) > 0;
	return false;
}
