/* SPDX-License-Identifier: Apache-2.0 */
/* Version 2: a place for children with controllers (cgroups(7), "no internal processes"). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_files.h"

static const char self[] = "ukvmm-self";

enum { PROCS_TEXT = 64 }; /* two ids, and room for the beginning of a third */

static int enable(int dir, const char *controllers)
{
	return cgroup_write(dir, "cgroup.subtree_control", controllers);
}

static int open_folder(const char *path, size_t len)
{
	char folder[PATH_MAX];
	int fd;

	if (snprintf(folder, sizeof folder, "%.*s", (int)len, path) >= (int)sizeof folder)
		return -ENAMETOOLONG;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Nobody is in it but us and `other`. Ids of processes outside of our pid namespace read as 0. */
static bool is_ours(int dir, pid_t other)
{
	char text[PROCS_TEXT], *at = text, *end;
	bool ours = cgroup_read(dir, "cgroup.procs", text, sizeof text) == 0 && strlen(text) < sizeof text - 1;

	while (ours && *at) {
		long pid = strtol(at, &end, 10);

		ours = end > at && pid > 0 && (pid == getpid() || pid == other);
		at = end + (*end == '\n');
	}
	return ours;
}

static int move(int leaf, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof text, "%d", pid);
	return cgroup_write(leaf, "cgroup.procs", text);
}

/* The lock on the leaf is kept for as long as we are: whoever sweeps leaves it alone. */
static int step_down(int dir, pid_t other)
{
	int leaf = cgroup_make_locked(dir, self), rc;

	if (leaf < 0)
		return leaf;
	rc = move(leaf, getpid());
	if (rc == 0 && other > 0)
		rc = move(leaf, other);
	if (rc < 0)
		close(leaf);
	return rc;
}

/* Where the last '/' is; 0: nowhere below the mount point. */
static size_t parent_of(const char *path, size_t top)
{
	const char *slash = strrchr(path, '/');

	return slash && strlen(path) > top ? (size_t)(slash - path) : 0;
}

static int seat_at(const char *own, size_t top, const char *controllers, pid_t other, int dir)
{
	size_t parent = parent_of(own, top);
	int rc = enable(dir, controllers), beside;

	if (rc == -EBUSY && is_ours(dir, other)) {
		rc = step_down(dir, other);
		return rc < 0 ? rc : enable(dir, controllers);
	}
	if (rc != -EBUSY || parent < top)
		return rc;
	beside = open_folder(own, parent);
	if (beside < 0 || enable(beside, controllers) < 0) {
		if (beside >= 0)
			close(beside);
		return rc;
	}
	/* the caller's, in place of what it had */
	rc = dup3(beside, dir, O_CLOEXEC);
	close(beside);
	return rc < 0 ? -errno : 0;
}

int cgroup_seat(const char *own, size_t top, const char *controllers, pid_t other)
{
	const char *slash = strrchr(own, '/');
	/* gone down before, or by whoever started us */
	bool down = slash && strcmp(slash + 1, self) == 0 && strlen(own) > top;
	size_t len = down ? (size_t)(slash - own) : strlen(own);
	int dir = open_folder(own, len), rc;
	char path[PATH_MAX];

	if (dir < 0)
		return dir;
	snprintf(path, sizeof path, "%.*s", (int)len, own);
	rc = seat_at(path, top, controllers, other, dir);
	if (rc == 0)
		return dir;
	close(dir);
	return rc;
}
