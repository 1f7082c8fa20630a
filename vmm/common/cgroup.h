/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup for each VM, below the one that we are in: of version 2 where it has the controllers, of version 1 where
 * they are mounted so (cgroups(7)). One thread at a time per cgroup.
 */
#ifndef COMMON_CGROUP_H
#define COMMON_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ukvmm/error.h>

struct cgroup;

/*
 * Version 2 gives controllers to the children of a cgroup without processes only. Where we are in one, and nobody but
 * `other` (0: nobody) with us, as under systemd's Delegate=yes, both go down into a child of it, "ukvmm-self". Where
 * there are more the children are made beside it, in its parent, if they may. cgroup_make does it for one who is alone.
 * Fails silently: the first cgroup_make tells.
 */
void cgroup_settle(pid_t other);

/* Makes "ukvmm-NAME" (letters, digits, '.', '-' and '_', at most 64). memory, cpu, pids: those that are there are used,
 * io where it is. -EINVAL: such a name cannot be; -ENOENT: no controllers that we may use; -EBUSY: others are in
 * our cgroup; -EACCES and so on. */
int cgroup_make(const char *name, struct cgroup **out, struct ukvmm_err *err);

/* The same next to one of ours: the controllers are not looked for again, nor what others have left. */
int cgroup_make_beside(const struct cgroup *like, const char *name, struct cgroup **out, struct ukvmm_err *err);

/* Where a process can be born into it: an fd of the cgroup's; -1: it has to be moved (version 1). */
int cgroup_birth_fd(const struct cgroup *c);

/* Moves a process into what of it it was not born in: 10 ms on many kernels. 0 or negative errno with err. */
int cgroup_place(const struct cgroup *c, pid_t pid, struct ukvmm_err *err);

/*
 * memory       bytes of a guest's RAM, 0: no limit at all
 * overhead     what its VMM and the kernel may use beside it, 0: CGROUP_OVERHEAD and what tables cost per RAM
 * cpu_percent  of one CPU, 0: no limit
 * cpu_weight   1 to 10000, 0: the default, 100
 * tasks        threads, the kernel's included, 0: no limit
 */
struct cgroup_limits {
	uint64_t memory, overhead;
	uint32_t cpu_percent, cpu_weight, tasks, reserved;
};

enum { CGROUP_OVERHEAD = 16 << 20 };

/* 0, or negative errno with err: -ENOENT names the controller that is not there. */
int cgroup_limit(const struct cgroup *c, const struct cgroup_limits *limits, struct ukvmm_err *err);

/* Per second, of one block device; 0: no limit. What version 1 writes back later, by itself, is nobody's. */
struct cgroup_io {
	uint64_t read_bytes, write_bytes, read_ops, write_ops;
};
/* device: a whole disk, no partition (block_device.h). As cgroup_limit. */
int cgroup_limit_io(const struct cgroup *c, dev_t device, const struct cgroup_io *io, struct ukvmm_err *err);

/* Whether the kernel has killed in it for want of memory. */
bool cgroup_ran_out(const struct cgroup *c);

/* Takes it away; its processes are dead. 0, -EBUSY: one is not quite gone yet (it is kept; try again). NULL is 0. */
int cgroup_remove(struct cgroup *c);

#endif
