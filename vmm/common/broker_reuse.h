/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a birth costs most of, kept for the next one by the broker: cgroups that have the same limits, network namespaces
 * with nothing in them, and for all together a mount namespace with nothing in it. Of the others a worker is alone in each, as nobody has one before its worker is dead; whoever
 * had it could leave nothing there, as it has no rights over it.
 */
#ifndef COMMON_BROKER_REUSE_H
#define COMMON_BROKER_REUSE_H

#include "cgroup.h"

enum { REUSE_MOST = 256 };

struct reuse {
	int own; /* our network namespace; -1: none are made */
	int mounts; /* -1: each has to make one */
	uint32_t nets, cgroups;
	int net[REUSE_MOST];
	struct {
		struct cgroup *cgroup;
		struct cgroup_limits limits;
	} cgroup[REUSE_MOST];
};

/* walls: whether workers have any. */
void reuse_begin(struct reuse *r, bool walls);
/* Takes all of them away. */
void reuse_end(struct reuse *r);

/* An empty network namespace; -1: it has to be made by who is born. */
int reuse_take_net(struct reuse *r);
/* Of a worker that is dead. */
void reuse_give_net(struct reuse *r, int net);

/* A cgroup with these limits, of this name if it has to be made. beside: one that is there, or NULL. As cgroup_make. */
int reuse_take_cgroup(struct reuse *r, const char *name, const struct cgroup_limits *limits, const struct cgroup *beside,
	struct cgroup **out, struct ukvmm_err *err);
/* Its worker is dead, and nothing was killed for want of memory; limits: what it has. */
void reuse_give_cgroup(struct reuse *r, struct cgroup *cgroup, const struct cgroup_limits *limits);

#endif
