/* SPDX-License-Identifier: Apache-2.0 */
/* Where the controllers are: /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)). */
#ifndef COMMON_CGROUP_FIND_H
#define COMMON_CGROUP_FIND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum cgroup_controller { CGROUP_MEMORY, CGROUP_CPU, CGROUP_PIDS, CGROUP_IO, CGROUP_CONTROLLERS };

/* Names of version 2; version 1 calls the last one blkio. */
extern const char *const cgroup_names[CGROUP_CONTROLLERS];

struct cgroup_place {
	bool unified; /* path[0] has what version 2 has, */
	size_t top;   /* and so many characters of it are the mount point */
	char path[CGROUP_CONTROLLERS][PATH_MAX]; /* our own cgroup's folder; "": there is none */
};

/* 0, or -ENOENT: none of the controllers is anywhere; or another negative errno. */
int cgroup_find(struct cgroup_place *place);

/* Whether a list of words, as files of a cgroup and mount options have them, has this one. */
bool cgroup_has_word(const char *list, const char *word);

#endif
