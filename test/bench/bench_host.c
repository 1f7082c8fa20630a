/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void read_word(const char *path, char *dst, size_t len)
{
	FILE *f = fopen(path, "re");

	snprintf(dst, len, "unknown");
	if (!f)
		return;
	if (fgets(dst, (int)len, f))
		dst[strcspn(dst, "\n")] = '\0';
	fclose(f);
}

/* "always [madvise] never" is the kernel's way to show which one is set */
static void read_choice(const char *path, char *dst, size_t len)
{
	char line[128];
	char *from;

	read_word(path, line, sizeof line);
	from = strchr(line, '[');
	if (from) {
		from++;
		from[strcspn(from, "]")] = '\0';
	}
	snprintf(dst, len, "%.*s", (int)len - 1, from ? from : line);
}

static void read_vendor(char *dst, size_t len)
{
	static const char *const vendors[] = { "kvm_intel", "kvm_amd", "kvm_pvm" };
	char path[64];

	snprintf(dst, len, "none");
	for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++) {
		snprintf(path, sizeof path, "/sys/module/%s", vendors[i]);
		if (access(path, F_OK) == 0)
			snprintf(dst, len, "%s", vendors[i]);
	}
}

void bench_host_read(struct bench_host *host)
{
	struct utsname name;
	cpu_set_t set;

	memset(host, 0, sizeof *host);
	if (uname(&name) == 0)
		snprintf(host->kernel, sizeof host->kernel, "%s", name.release);
	host->cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
	read_vendor(host->kvm_vendor, sizeof host->kvm_vendor);
	read_choice("/sys/kernel/mm/transparent_hugepage/enabled", host->huge_pages,
		sizeof host->huge_pages);
	read_word("/sys/module/kvm/parameters/nx_huge_pages", host->nx_huge_pages,
		sizeof host->nx_huge_pages);
}
