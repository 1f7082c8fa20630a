/* SPDX-License-Identifier: Apache-2.0 */
/* What the server's workers use, by /proc. */
#include <dirent.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "faas.h"

#define HUGE_PAGE (2ul << 20)

enum { CHILDREN = 4096, SETTLE_MS = 50, SETTLED = 6, SETTLE_TRIES = 600 };

static unsigned int children(pid_t parent, pid_t *pids, unsigned int most)
{
	unsigned int n = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	f = fopen(path, "re");
	while (f && n < most && fscanf(f, "%d", &pids[n]) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

/* It is our only child. */
pid_t faas_server_pid(void)
{
	pid_t pids[2];

	return children(getpid(), pids, 2) == 1 ? pids[0] : 0;
}

/* The broker is the server's. */
static unsigned int find_workers(pid_t *pids)
{
	pid_t server = faas_server_pid(), broker[2];

	return server && children(server, broker, 2) == 1 ? children(broker[0], pids, CHILDREN) : 0;
}

void faas_settle(void)
{
	static pid_t pids[CHILDREN];
	unsigned int same = 0, was = 0, n;

	for (int i = 0; same < SETTLED && i < SETTLE_TRIES; i++) {
		n = find_workers(pids);
		same = n == was ? same + 1 : 0;
		was = n;
		poll(NULL, 0, SETTLE_MS);
	}
}

/* What may be a guest's RAM: one or more neighbours from a huge page's border on, which are of its size together. */
struct region {
	unsigned long at, end; /* at: how far it is known; 0: none is looked at */
	double pss_kib;
};

/* True: the mapping is, or may be, of it. */
static bool belongs(struct region *r, unsigned long begin, unsigned long end, unsigned long ram_kib)
{
	if (r->at != begin && begin % HUGE_PAGE == 0)
		*r = (struct region){ begin, begin + (ram_kib << 10), 0 };
	if (r->at != begin || end > r->end)
		return false;
	r->at = end;
	return true;
}

static void add_memory(unsigned long ram_kib, struct faas_worker *w)
{
	struct region r = { 0, 0, 0 };
	unsigned long begin, end, kib;
	char path[64], line[512], rights[8];
	bool in = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/smaps", w->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) == 3)
			in = strcmp(rights, "rw-p") == 0 && belongs(&r, begin, end, ram_kib);
		else if (sscanf(line, "Pss: %lu kB", &kib) == 1)
			*(in ? &r.pss_kib : &w->worker_kib) += (double)kib;
		/* what looked like it and was not is the worker's */
		if (r.at && !in) {
			*(r.at == r.end ? &w->guest_kib : &w->worker_kib) += r.pss_kib;
			r = (struct region){ 0, 0, 0 };
		}
	}
	if (f)
		fclose(f);
}

/* Of all its threads: the first number of schedstat, in nanoseconds. */
static double cpu_us(pid_t pid)
{
	unsigned long long ns, sum = 0;
	char path[320];
	struct dirent *e;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return (double)sum / 1e3;
}

unsigned int faas_look(unsigned long ram_kib, struct faas_worker *w, unsigned int most)
{
	static pid_t pids[CHILDREN];
	unsigned int all = find_workers(pids), n = 0;

	for (unsigned int i = 0; i < all && n < most; i++) {
		w[n] = (struct faas_worker){ .pid = pids[i] };
		add_memory(ram_kib, &w[n]);
		w[n].cpu_us = cpu_us(pids[i]);
		n += w[n].guest_kib > 0;
	}
	return n;
}
