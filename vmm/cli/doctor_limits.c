/* SPDX-License-Identifier: Apache-2.0 */
/* What bounds how many VMs a process, a user or a cgroup can have. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	FEW_VMS = 64,
	VM_FDS = 8,	/* with a vCPU or two, no devices */
	VM_THREADS = 2, /* a vCPU's, and the kernel's own for each VM */
};

static enum finding_state room_for(unsigned long long vms)
{
	return vms < FEW_VMS ? FINDING_WARN : FINDING_OK;
}

static void check_nofile(struct doctor *d)
{
	unsigned long long now, max;
	struct finding *f;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	now = lim.rlim_cur;
	max = lim.rlim_max;
	f = doctor_find(d, "nofile", room_for(now / VM_FDS),
		"%llu open files (RLIMIT_NOFILE), at most %llu: room for about %llu VMs",
		now, max, now / VM_FDS);
	if (f->state == FINDING_WARN)
		doctor_cure(f, "ulimit -n %llu", max);
}

static void check_nproc(struct doctor *d)
{
	unsigned long long now;
	struct finding *f;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NPROC, &lim) < 0)
		return;
	now = lim.rlim_cur;
	if (lim.rlim_cur == RLIM_INFINITY || geteuid() == 0) {
		doctor_find(d, "nproc", FINDING_OK,
			"threads per user (RLIMIT_NPROC): not limited for us");
		return;
	}
	f = doctor_find(d, "nproc", room_for(now / VM_THREADS),
		"%llu threads for this user (RLIMIT_NPROC): room for fewer than %llu VMs", now,
		now / VM_THREADS);
	if (f->state == FINDING_WARN)
		doctor_cure(f, "ulimit -u 4096, or nproc in /etc/security/limits.conf");
}

/* Each vCPU run with a limit takes a POSIX timer, which counts as a pending signal of the user. */
static void check_sigpending(struct doctor *d)
{
	unsigned long long used = 0, max = 0, left;
	FILE *file = fopen("/proc/self/status", "re");
	struct finding *f;
	char line[128];

	while (file && max == 0 && fgets(line, sizeof line, file))
		if (sscanf(line, "SigQ: %llu/%llu", &used, &max) != 2)
			max = 0;
	if (file)
		fclose(file);
	if (max == 0)
		return;
	left = used < max ? max - used : 0;
	f = doctor_find(d, "sigpending", room_for(left),
		"%llu signals and timers for this user (RLIMIT_SIGPENDING), %llu in use; a vCPU "
		"needs one", max, used);
	if (f->state == FINDING_WARN)
		doctor_cure(f, "raise it (ulimit -i), or end the programs that hold so many");
}

/* Our cgroup's directory for the pids controller, under v1 or v2; false where there is none. */
static bool pids_dir(char *dir, size_t len)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof line, f)) {
		char *path = strrchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (!path)
			continue;
		if (strstr(line, ":pids:"))
			snprintf(dir, len, "/sys/fs/cgroup/pids%s", path + 1);
		else if (strncmp(line, "0::", 3) == 0)
			snprintf(dir, len, "/sys/fs/cgroup%s", path + 1);
		else
			continue;
		found = access(dir, X_OK) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

static void check_pids(struct doctor *d)
{
	char dir[512], path[544], max[32], used[32] = "0";
	unsigned long long limit, now;
	struct finding *f;

	if (!pids_dir(dir, sizeof dir))
		return;
	snprintf(path, sizeof path, "%s/pids.current", dir);
	doctor_line(path, used, sizeof used);
	snprintf(path, sizeof path, "%s/pids.max", dir);
	if (!doctor_line(path, max, sizeof max) || strcmp(max, "max") == 0) {
		doctor_find(d, "pids_max", FINDING_OK,
			"threads in our cgroup (pids.max): not limited");
		return;
	}
	limit = strtoull(max, NULL, 10);
	now = strtoull(used, NULL, 10);
	limit = limit > now ? limit - now : 0;
	f = doctor_find(d, "pids_max", room_for(limit / VM_THREADS),
		"pids.max is %s, %s in use: room for about %llu VMs", max, used,
		limit / VM_THREADS);
	if (f->state == FINDING_WARN)
		doctor_cure(f, "raise pids.max in %s (docker: --pids-limit; systemd: TasksMax=)",
			dir);
}

void doctor_limits(struct doctor *d)
{
	check_nofile(d);
	check_nproc(d);
	check_sigpending(d);
	check_pids(d);
}
