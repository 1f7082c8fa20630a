/* SPDX-License-Identifier: Apache-2.0 */
#include "limits.h"

#include <stdio.h>
#include <unistd.h>

#include "cgroup.h"
#include "report.h"

enum {
	DEFAULT_MEMORY = 128 << 20,
	/* beside the vCPUs: the worker's io thread, those of disks, the one that the kernel makes for KVM */
	OTHER_TASKS = 32,
};

static bool wanted(const struct run_options *o)
{
	return o->cpu_quota || o->memory_overhead;
}

int limits_make(struct machine *m, const struct run_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	char name[32];

	if (!wanted(o))
		return 0;
	/* an image's file name may be anything */
	snprintf(name, sizeof name, "run-%d", getpid());
	if (cgroup_make(name, &m->cgroup, &err) == 0)
		return 0;
	report_err(&err, NULL);
	return -1;
}

int limits_set(struct machine *m, const struct run_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct cgroup_limits limits = {
		.memory = o->memory ? o->memory : DEFAULT_MEMORY,
		.overhead = o->memory_overhead,
		.cpu_percent = o->cpu_quota,
		.tasks = o->cpus + OTHER_TASKS,
	};

	if (!m->cgroup || cgroup_limit(m->cgroup, &limits, &err) == 0)
		return 0;
	report_err(&err, NULL);
	return -1;
}

void limits_close(struct machine *m)
{
	cgroup_remove(m->cgroup);
	m->cgroup = NULL;
}
