/* SPDX-License-Identifier: Apache-2.0 */
/* Making, entering and leaving; what is written into one is cgroup_limit.c's. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup_files.h"
#include "failure.h"

enum {
	REMOVE_TRIES = 50,
	REMOVE_MS = 5,
	MAKE_TRIES = 8,
	MAKE_MS = 5,
};

static const char prefix[] = "ukvmm-";

static bool name_right(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= CGROUP_NAME && name[len] == '\0';
}

/*
 * An owner has a lock on its folder: one that nobody has, and that is empty, was left by a program that was killed. The
 * lock is taken after the folder is made, so somebody else's sweep may come between: then it is made again. A sweep has
 * the lock for a moment, an owner for long.
 */
static int make_locked(int base, const char *name)
{
	struct stat is, was;
	int fd;

	for (int i = 0; i < MAKE_TRIES; i++) {
		if (mkdirat(base, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno != ENOENT)
			return -errno;
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			close(fd);
			poll(NULL, 0, MAKE_MS);
			continue;
		}
		if (fstat(fd, &is) == 0 && fstatat(base, name, &was, AT_SYMLINK_NOFOLLOW) == 0 && is.st_ino == was.st_ino)
			return fd;
		close(fd);
	}
	return -EBUSY;
}

static void sweep_one(int base, const char *name)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	/* refused where a process is in it */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(base, name, AT_REMOVEDIR);
	close(fd);
}

static void sweep(int base)
{
	int fd = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strncmp(e->d_name, prefix, sizeof prefix - 1) == 0)
			sweep_one(base, e->d_name);
	if (dir)
		closedir(dir);
}

/* Version 2 gives controllers to the children of a cgroup without processes of its own: where we are in it, we go down
 * a step. */
static int delegate(int base)
{
	static const char self[] = "ukvmm-self";
	char pid[16];
	int fd, rc = cgroup_write(base, "cgroup.subtree_control", "+memory +pids");

	if (rc != -EBUSY)
		return rc;
	fd = make_locked(base, self);
	if (fd < 0)
		return fd;
	snprintf(pid, sizeof pid, "%d", getpid());
	rc = cgroup_write(fd, "cgroup.procs", pid);
	/* kept open, and the lock with it, for as long as we are */
	return rc < 0 ? rc : cgroup_write(base, "cgroup.subtree_control", "+memory +pids");
}

static int open_one(struct cgroup *c, int i, const char *path)
{
	int rc = 0;

	c->base[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->base[i] < 0)
		return -errno;
	if (c->unified) {
		rc = delegate(c->base[i]);
		/* those that one may live without */
		cgroup_write(c->base[i], "cgroup.subtree_control", "+cpu");
		cgroup_write(c->base[i], "cgroup.subtree_control", "+io");
	}
	sweep(c->base[i]);
	if (rc == 0)
		c->dir[i] = rc = make_locked(c->base[i], c->name);
	return rc < 0 ? rc : 0;
}

static int open_all(struct cgroup *c, const char *name)
{
	struct cgroup_place *place = malloc(sizeof *place);
	int rc = place ? cgroup_find(place) : -ENOMEM;

	snprintf(c->name, sizeof c->name, "%s%s", prefix, name);
	c->unified = rc == 0 && place->unified;
	for (int i = 0; i < CGROUP_CONTROLLERS && rc == 0; i++)
		if (place->path[i][0])
			rc = open_one(c, i, place->path[i]);
	free(place);
	return rc;
}

int cgroup_make(const char *name, struct cgroup **out, struct ukvmm_err *err)
{
	struct cgroup *c;
	int rc;

	if (!name_right(name))
		return failure(err, -EINVAL, "cgroup", name);
	c = malloc(sizeof *c);
	if (!c)
		return failure(err, -ENOMEM, "malloc", name);
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		c->base[i] = c->dir[i] = -1;
	rc = open_all(c, name);
	if (rc == 0) {
		*out = c;
		return 0;
	}
	cgroup_remove(c);
	return failure(err, rc, "cgroup", name);
}

int cgroup_birth_fd(const struct cgroup *c)
{
	return c->unified ? c->dir[0] : -1;
}

int cgroup_place(const struct cgroup *c, pid_t pid, struct ukvmm_err *err)
{
	char text[16];
	int rc = 0;

	if (c->unified)
		return 0;
	snprintf(text, sizeof text, "%d", pid);
	for (int i = 0; i < CGROUP_CONTROLLERS && rc == 0; i++)
		if (c->dir[i] >= 0)
			rc = cgroup_write(c->dir[i], "cgroup.procs", text);
	return rc < 0 ? failure(err, rc, "cgroup.procs", c->name) : 0;
}

/* Its last task may not be quite gone: a thread that the kernel made for KVM. */
static int remove_one(const struct cgroup *c, int i)
{
	for (int try = 0; try < REMOVE_TRIES; try++) {
		if (unlinkat(c->base[i], c->name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		poll(NULL, 0, REMOVE_MS);
	}
	return -EBUSY;
}

int cgroup_remove(struct cgroup *c)
{
	int rc = 0;

	if (!c)
		return 0;
	for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
		int one = c->dir[i] >= 0 ? remove_one(c, i) : 0;

		rc = rc ? rc : one;
	}
	for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
		if (c->dir[i] >= 0)
			close(c->dir[i]);
		if (c->base[i] >= 0)
			close(c->base[i]);
	}
	free(c);
	return rc;
}
