/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker: a small process for a program that talks to strangers, as ukvmm-faas does. It keeps what that program
 * gives up (root, /dev/kvm, taps, cgroups, folders) and does four things for it: start a worker in a cgroup of its own,
 * change that cgroup's limits, open a file of a folder that was named at the start, open a tap. It believes its client
 * no more than needed: a request that is none is its end, and that of all its workers.
 *
 * Workers that it starts are as those of worker.h, but for worker_pid. One thread at a time.
 */
#ifndef COMMON_BROKER_H
#define COMMON_BROKER_H

#include "cgroup.h"
#include "worker.h"

struct broker;

enum { BROKER_FOLDERS = 8, BROKER_WORKERS = 4096 };

/* kvm_fd, program: as in worker_config. flags: WORKER_*, of all its workers. uid, gid: of its workers. folders: open
 * directories, kept by the caller. */
struct broker_config {
	int kvm_fd, program;
	uint32_t flags;
	uid_t uid;
	gid_t gid;
	const int *folders;
	uint32_t folders_len;
};

/* Forks. Call it early: before there are threads, descriptors or secrets that it should not have. 0, or negative
 * errno. */
int broker_start(const struct broker_config *config, struct broker **out, struct ukvmm_err *err);

/*
 * As worker_new, and returns at once: what fails there is a FAILED event of the worker's. config's kvm_fd, uid, gid,
 * cpus, program, cgroup and net are not looked at: `cgroup` (NULL: none) names one for it alone, with these limits (NULL:
 * none yet), if none is there that a dead worker had. -EAGAIN: the broker has too much to do. Any thread.
 */
int broker_worker(struct broker *b, const struct worker_config *config, const char *cgroup,
	const struct cgroup_limits *limits, uint64_t *id, struct worker **out, struct ukvmm_err *err);

/* Readable once the broker is gone, and its workers with it; where no answer is waited for. The broker's own. */
int broker_fd(const struct broker *b);

/* Limits of the worker's cgroup, by the id of broker_worker; before it is given its job. Waits for the broker. */
int broker_limit(struct broker *b, uint64_t id, const struct cgroup_limits *limits, struct ukvmm_err *err);

/*
 * A regular file below a folder: an fd, or a negative errno. name: a path without links in it that does not leave the
 * folder, and a file of one name only (-EMLINK): neither a planted link nor a second name of somebody else's file is
 * followed. write: O_RDWR, made where it is missing. Waits for the broker.
 */
int broker_open(struct broker *b, uint32_t folder, const char *name, bool write, struct ukvmm_err *err);

/* A tap of the host's, for UKVMM_NET_TAP. Waits for the broker. */
int broker_tap(struct broker *b, const char *name, struct ukvmm_err *err);

/* Ends it, its workers and their cgroups, and waits for that. NULL is ignored. */
void broker_stop(struct broker *b);

#endif
