/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

enum {
	SLOW_US = 3000, /* making a VM: 0.2 to 0.6 ms where nothing is in the way */
};

bool doctor_line(const char *path, char *line, size_t len)
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
	bool slow = d->make_us > SLOW_US, warn;
	struct finding *f;
	char value[32];

	if (!doctor_line("/sys/module/kvm/parameters/nx_huge_pages", value, sizeof value))
		return;
	warn = slow && strcmp(value, "never") != 0;
	f = d->make_us ? doctor_find(d, "nx_huge_pages", warn ? FINDING_WARN : FINDING_OK,
		"kvm.nx_huge_pages is %s; making a VM took %llu us%s", value,
		(unsigned long long)d->make_us, slow ? ", which is slow" : "")
		       : doctor_find(d, "nx_huge_pages", FINDING_OK, "kvm.nx_huge_pages is %s", value);
	if (warn)
		doctor_cure(f, "if the CPU is not open to iTLB multihit: kvm.nx_huge_pages=never "
			       "on the kernel's command line; else cgroup favordynmods");
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
	bool warn = d->make_us > SLOW_US && !favored;
	struct finding *f;

	if (!found)
		return;
	f = doctor_find(d, "favordynmods", warn ? FINDING_WARN : FINDING_OK,
		"cgroups are mounted %s favordynmods", favored ? "with" : "without");
	if (warn)
		doctor_cure(f, "mount -o remount,favordynmods /sys/fs/cgroup: threads then start "
			       "without waiting for a grace period");
}

static void check_thp(struct doctor *d)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	struct finding *f;
	char value[64];

	if (!doctor_line(path, value, sizeof value))
		return;
	if (!strstr(value, "[never]")) {
		doctor_find(d, "huge_pages", FINDING_OK,
			"transparent huge pages: %s; each VM says itself which it wants", value);
		return;
	}
	f = doctor_find(d, "huge_pages", FINDING_NOTE,
		"transparent huge pages are off: --hugepages on has no effect");
	doctor_cure(f, "echo madvise > %s", path);
}

void doctor_settings(struct doctor *d)
{
	check_nx(d);
	check_favordynmods(d);
	check_thp(d);
}
