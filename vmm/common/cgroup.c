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
	MAKE_TRIES = 50,
	MAKE_MS = 1,
};

static const char prefix[] = "ukvmm-";

static bool name_right(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= CGROUP_NAME && name[len] == '\0';
}

/*
 * An owner has a lock on its folder: one that nobody has, and that is empty, was left by a program that was killed. The
 * lock is taken after the folder is made, so somebody else's sweep may come between: then it is made again.
 */
int cgroup_make_locked(int base, const char *name)
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
			/* somebody's, or that of a sweep, which is over soon */
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

/* cpu and io are those that one may live without. */
static int open_unified(struct cgroup *c, const struct cgroup_place *place)
{
	int fd = cgroup_seat(place->path[0], place->top, "+memory +pids", 0);

	if (fd < 0)
		return fd;
	c->base[0] = fd;
	cgroup_write(fd, "cgroup.subtree_control", "+cpu");
	cgroup_write(fd, "cgroup.subtree_control", "+io");
	return 0;
}

static int open_one(struct cgroup *c, int i, const struct cgroup_place *place)
{
	int rc = 0;

	if (c->unified)
		rc = open_unified(c, place);
	else if ((c->base[i] = open(place->path[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		rc = -errno;
	if (rc < 0)
		return rc;
	sweep(c->base[i]);
	c->dir[i] = rc = cgroup_make_locked(c->base[i], c->name);
	return rc < 0 ? rc : 0;
}

static int open_all(struct cgroup *c)
{
	struct cgroup_place *place = malloc(sizeof *place);
	int rc = place ? cgroup_find(place) : -ENOMEM;

	c->unified = rc == 0 && place->unified;
	for (int i = 0; i < CGROUP_CONTROLLERS && rc == 0; i++)
		if (place->path[i][0])
			rc = open_one(c, i, place);
	free(place);
	return rc;
}

void cgroup_settle(pid_t other)
{
	struct cgroup_place *place = malloc(sizeof *place);
	int fd = -1;

	if (place && cgroup_find(place) == 0 && place->unified)
		fd = cgroup_seat(place->path[0], place->top, "+memory +pids", other);
	if (fd >= 0)
		close(fd);
	free(place);
}

static int tell(struct ukvmm_err *err, int rc, const char *name)
{
	failure(err, rc, "cgroup", name);
	if (err && rc == -EBUSY)
		snprintf(err->text, sizeof err->text, "there is one of that name, or other processes are in the cgroup "
						      "that we are in: start from one of its own (Delegate=yes)");
	if (err && (rc == -EACCES || rc == -EPERM || rc == -EROFS))
		snprintf(err->text, sizeof err->text, "%s: start it as root, or by systemd-run --user --scope "
						      "-p Delegate=yes", strerror(-rc));
	return rc;
}

static int blank(const char *name, struct cgroup **out, struct ukvmm_err *err)
{
	struct cgroup *c;

	if (!name_right(name))
		return failure(err, -EINVAL, "cgroup", name);
	c = malloc(sizeof *c);
	if (!c)
		return failure(err, -ENOMEM, "malloc", name);
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		c->base[i] = c->dir[i] = -1;
	snprintf(c->name, sizeof c->name, "%s%s", prefix, name);
	*out = c;
	return 0;
}

static int made(struct cgroup *c, int rc, const char *name, struct cgroup **out, struct ukvmm_err *err)
{
	if (rc == 0) {
		*out = c;
		return 0;
	}
	cgroup_remove(c);
	return tell(err, rc, name);
}

int cgroup_make(const char *name, struct cgroup **out, struct ukvmm_err *err)
{
	struct cgroup *c;
	int rc = blank(name, &c, err);

	return rc < 0 ? rc : made(c, open_all(c), name, out, err);
}

int cgroup_make_beside(const struct cgroup *like, const char *name, struct cgroup **out, struct ukvmm_err *err)
{
	struct cgroup *c;
	int rc = blank(name, &c, err);

	if (rc < 0)
		return rc;
	c->unified = like->unified;
	for (int i = 0; i < CGROUP_CONTROLLERS && rc == 0; i++) {
		if (like->base[i] < 0)
			continue;
		c->base[i] = fcntl(like->base[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		rc = c->base[i] < 0 ? -errno : 0;
		if (rc == 0)
			c->dir[i] = cgroup_make_locked(c->base[i], c->name);
		rc = c->dir[i] < 0 && rc == 0 ? c->dir[i] : rc;
	}
	return made(c, rc, name, out, err);
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
