/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	SLOW_US = 3000,	/* making a VM: 0.2 to 0.6 ms where nothing is in the way */
	FEW_VMS = 64,
	VM_FDS = 8,	/* with a vCPU or two, no devices */
	VM_THREADS = 2, /* a vCPU's, and the kernel's own for each VM */
};

/* The first line of a file, without its newline; false where there is none. */
static bool read_line(const char *path, char *line, size_t len)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, (int)len, f);

	if (f)
		fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

static void check_nx(struct doctor *d)
{
	char value[32];
	bool slow = d->make_us > SLOW_US;

	if (!read_line("/sys/module/kvm/parameters/nx_huge_pages", value, sizeof value))
		return;
	doctor_cure(doctor_find(d, "nx_huge_pages", slow && strcmp(value, "never") != 0 ? FINDING_WARN
										    : FINDING_OK,
			"kvm.nx_huge_pages is %s; making a VM took %llu us%s", value,
			(unsigned long long)d->make_us, slow ? ", which is slow" : ""),
		slow ? "if CPU is not vulnerable to iTLB multihit: kvm.nx_huge_pages=never on the kernel's "
		       "command line; else cgroup favordynmods" : "");
}

/* Is it an option of some cgroup mount? *found: is there a cgroup mount at all? */
static bool favordynmods(bool *found)
{
	char line[1024];
	bool favored = false;
	FILE *f = fopen("/proc/mounts", "re");

	*found = false;
	while (f && fgets(line, sizeof line, f)) {
		if (!strstr(line, " cgroup"))
			continue;
		*found = true;
		favored |= strstr(line, "favordynmods") != NULL;
	}
	if (f)
		fclose(f);
	return favored;
}

static void check_favordynmods(struct doctor *d)
{
	bool found, favored = favordynmods(&found);
	bool slow = d->make_us > SLOW_US;

	if (!found)
		return;
	doctor_cure(doctor_find(d, "favordynmods", slow && !favored ? FINDING_WARN : FINDING_OK,
			"cgroups are mounted %s favordynmods", favored ? "with" : "without"),
		slow && !favored ? "mount -o remount,favordynmods /sys/fs/cgroup: threads then start without "
				   "waiting for a grace period" : "");
}

static void check_thp(struct doctor *d)
{
	char value[64];
	const char *path = "/sys/kernel/mm/transparent_hugepage/enabled";

	if (!read_line(path, value, sizeof value))
		return;
	if (strstr(value, "[never]"))
		doctor_cure(doctor_find(d, "huge_pages", FINDING_NOTE,
				"transparent huge pages are off: --hugepages on has no effect"),
			"echo madvise > %s", path);
	else
		doctor_find(d, "huge_pages", FINDING_OK,
			"transparent huge pages: %s; each VM says itself which it wants", value);
}

void doctor_settings(struct doctor *d)
{
	check_nx(d);
	check_favordynmods(d);
	check_thp(d);
}

static void check_nofile(struct doctor *d)
{
	struct rlimit lim;
	unsigned long long vms;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	vms = lim.rlim_cur / VM_FDS;
	doctor_cure(doctor_find(d, "nofile", vms < FEW_VMS ? FINDING_WARN : FINDING_OK,
			"%llu open files (RLIMIT_NOFILE), at most %llu: room for about %llu VMs in one process",
			(unsigned long long)lim.rlim_cur, (unsigned long long)lim.rlim_max, vms),
		vms < FEW_VMS ? "ulimit -n %llu" : "", (unsigned long long)lim.rlim_max);
}

static void check_nproc(struct doctor *d)
{
	struct rlimit lim;
	unsigned long long vms;

	if (getrlimit(RLIMIT_NPROC, &lim) < 0)
		return;
	if (lim.rlim_cur == RLIM_INFINITY || geteuid() == 0) {
		doctor_find(d, "nproc", FINDING_OK, "threads per user (RLIMIT_NPROC): not limited for us");
		return;
	}
	vms = lim.rlim_cur / VM_THREADS;
	doctor_cure(doctor_find(d, "nproc", vms < FEW_VMS ? FINDING_WARN : FINDING_OK,
			"%llu threads for this user (RLIMIT_NPROC): room for fewer than %llu VMs",
			(unsigned long long)lim.rlim_cur, vms),
		vms < FEW_VMS ? "ulimit -u 4096, or nproc in /etc/security/limits.conf" : "");
}

/* Each vCPU run with a limit takes a POSIX timer, which counts as a pending signal of the user. */
static void check_sigpending(struct doctor *d)
{
	unsigned long long used = 0, max = 0, left;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && max == 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "SigQ: %llu/%llu", &used, &max) != 2)
			max = 0;
	if (f)
		fclose(f);
	if (max == 0)
		return;
	left = used < max ? max - used : 0;
	doctor_cure(doctor_find(d, "sigpending", left < FEW_VMS ? FINDING_WARN : FINDING_OK,
			"%llu signals and timers for this user (RLIMIT_SIGPENDING), %llu in use: one is needed "
			"for each vCPU", max, used),
		left < FEW_VMS ? "ulimit -i unlimited, or end what holds them" : "");
}

/* Our cgroup's directory for the pids controller, under v1 or v2; false where there is none. */
static bool pids_dir(char *dir, size_t len)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/self/cgroup", "re");

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
	char dir[512], path[544], max[32], current[32] = "0";
	unsigned long long left;

	if (!pids_dir(dir, sizeof dir))
		return;
	snprintf(path, sizeof path, "%s/pids.current", dir);
	read_line(path, current, sizeof current);
	snprintf(path, sizeof path, "%s/pids.max", dir);
	if (!read_line(path, max, sizeof max) || strcmp(max, "max") == 0) {
		doctor_find(d, "pids_max", FINDING_OK, "threads in our cgroup (pids.max): not limited");
		return;
	}
	left = strtoull(max, NULL, 10);
	left -= strtoull(current, NULL, 10) < left ? strtoull(current, NULL, 10) : left;
	doctor_cure(doctor_find(d, "pids_max", left / VM_THREADS < FEW_VMS ? FINDING_WARN : FINDING_OK,
			"pids.max is %s, %s in use: room for about %llu VMs", max, current,
			left / VM_THREADS),
		left / VM_THREADS < FEW_VMS ? "raise pids.max in %s (docker: --pids-limit; systemd: TasksMax=)"
					    : "", dir);
}

void doctor_limits(struct doctor *d)
{
	check_nofile(d);
	check_nproc(d);
	check_sigpending(d);
	check_pids(d);
}
