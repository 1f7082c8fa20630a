/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 3 ? n - 3 : 0; /* not ".", ".." and the directory itself */
}

/* A number of /proc/self/status. */
static unsigned long status(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long value = 0;
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ": %lu", &value);
	if (f)
		fclose(f);
	return value;
}

void cost_print(const char *when, unsigned vms)
{
	struct rusage use = { 0 };
	double cpu_ms, n = vms ? vms : 1;

	getrusage(RUSAGE_SELF, &use);
	cpu_ms = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
	fprintf(stderr, "cost %s: %u VMs, %u fds, %lu threads, %lu KiB resident, %.1f ms CPU; per VM: "
		"%.2f fds, %.2f threads, %.1f KiB, %.3f ms CPU\n",
		when, vms, count_fds(), status("Threads"), status("VmRSS"), cpu_ms,
		count_fds() / n, (double)status("Threads") / n, (double)status("VmRSS") / n, cpu_ms / n);
}
