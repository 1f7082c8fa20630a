/* SPDX-License-Identifier: Apache-2.0 */
/* Within cgroup*.c. */
#ifndef COMMON_CGROUP_FILES_H
#define COMMON_CGROUP_FILES_H

#include <stddef.h>

#include "cgroup_find.h"

enum { CGROUP_NAME = 64 };

struct cgroup {
	bool unified; /* only [0] is there, for all */
	char name[CGROUP_NAME + 8];
	int base[CGROUP_CONTROLLERS], dir[CGROUP_CONTROLLERS]; /* our own cgroup, and its child; -1: none */
};

/* Into a file of a cgroup: 0 or negative errno. */
int cgroup_write(int dir, const char *file, const char *text);
/* 0, or negative errno; text is ended. */
int cgroup_read(int dir, const char *file, char *text, size_t room);

#endif
