/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_reuse.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "walls.h"

static const char own_net[] = "/proc/thread-self/ns/net";

void reuse_begin(struct reuse *r, bool walls)
{
	*r = (struct reuse){ .own = -1, .mounts = -1 };
	if (!walls || geteuid() != 0)
		return;
	r->own = open(own_net, O_RDONLY | O_CLOEXEC);
	r->mounts = walls_mounts();
}

void reuse_end(struct reuse *r)
{
	while (r->nets > 0)
		close(r->net[--r->nets]);
	while (r->cgroups > 0)
		cgroup_remove(r->cgroup[--r->cgroups].cgroup);
}

/* By going there and back: a namespace is known by who is in it. */
static int make_net(const struct reuse *r)
{
	int net;

	if (r->own < 0 || unshare(CLONE_NEWNET) < 0)
		return -1;
	net = open(own_net, O_RDONLY | O_CLOEXEC);
	/* taps would be made in the wrong one */
	if (setns(r->own, CLONE_NEWNET) < 0)
		_exit(125);
	return net;
}

int reuse_take_net(struct reuse *r)
{
	return r->nets > 0 ? r->net[--r->nets] : make_net(r);
}

void reuse_give_net(struct reuse *r, int net)
{
	if (net < 0)
		return;
	if (r->nets < REUSE_MOST)
		r->net[r->nets++] = net;
	else
		close(net);
}

static int make_cgroup(const char *name, const struct cgroup_limits *limits, const struct cgroup *beside,
	struct cgroup **out, struct ukvmm_err *err)
{
	int rc = beside ? cgroup_make_beside(beside, name, out, err) : cgroup_make(name, out, err);

	if (rc < 0)
		return rc;
	/* of what is not limited nothing is written */
	rc = cgroup_limit(*out, limits, err);
	if (rc < 0) {
		cgroup_remove(*out);
		*out = NULL;
	}
	return rc;
}

int reuse_take_cgroup(struct reuse *r, const char *name, const struct cgroup_limits *limits, const struct cgroup *beside,
	struct cgroup **out, struct ukvmm_err *err)
{
	for (uint32_t i = r->cgroups; i > 0; i--) {
		if (memcmp(&r->cgroup[i - 1].limits, limits, sizeof *limits) != 0)
			continue;
		*out = r->cgroup[i - 1].cgroup;
		r->cgroup[i - 1] = r->cgroup[--r->cgroups];
		return 0;
	}
	return make_cgroup(name, limits, r->cgroups > 0 ? r->cgroup[0].cgroup : beside, out, err);
}

void reuse_give_cgroup(struct reuse *r, struct cgroup *cgroup, const struct cgroup_limits *limits)
{
	if (!cgroup)
		return;
	/* the oldest goes: of a kind, perhaps, that nobody asks for any more */
	if (r->cgroups == REUSE_MOST) {
		cgroup_remove(r->cgroup[0].cgroup);
		memmove(&r->cgroup[0], &r->cgroup[1], (REUSE_MOST - 1) * sizeof r->cgroup[0]);
		r->cgroups--;
	}
	r->cgroup[r->cgroups].cgroup = cgroup;
	r->cgroup[r->cgroups++].limits = *limits;
}
