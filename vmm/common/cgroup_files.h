/* SPDX-License-Identifier: Apache-2.0 */
/* Within cgroup*.c. */
#ifndef COMMON_CGROUP_FILES_H
#define COMMON_CGROUP_FILES_H

#include <stddef.h>

#include <sys/types.h>

#include "cgroup_find.h"

enum { CGROUP_NAME = 64 };

struct cgroup {
	bool unified; /* only [0] is there, for all */
	char name[CGROUP_NAME + 8];
	int base[CGROUP_CONTROLLERS], dir[CGROUP_CONTROLLERS]; /* our own cgroup, and its child; -1: none */
};

/* "ukvmm-NAME" for a name that is right. An fd with a lock on it, for as long as it is open, or a negative errno. */
int cgroup_make_locked(int base, const char *folder);

/*
 * cgroup_seat.c: where children can be made that have these controllers ("+memory +pids", each with its sign), for a
 * process of the cgroup `own`, a folder below the mount point that is the first `top` characters of it. An fd, or
 * negative errno. What cgroup.h says of cgroup_settle.
 */
int cgroup_seat(const char *own, size_t top, const char *controllers, pid_t other);

/* Into a file of a cgroup: 0 or negative errno. */
int cgroup_write(int dir, const char *file, const char *text);
/* 0, or negative errno; text is ended. */
int cgroup_read(int dir, const char *file, char *text, size_t room);

#endif
