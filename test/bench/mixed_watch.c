/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faas.h"
#include "mixed.h"

enum { INODES = 1024, WORKERS = 1024, DEPTH = 8 };

static unsigned int children(pid_t pid, pid_t *pids, unsigned int n)
{
	unsigned int at = 0;
	char path[64];
	FILE *f;
	int child;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && at < n && fscanf(f, "%d", &child) == 1)
		pids[at++] = child;
	if (f)
		fclose(f);
	return at;
}

pid_t watch_broker(pid_t server)
{
	pid_t broker = 0;

	children(server, &broker, 1);
	return broker;
}

unsigned int watch_workers(pid_t server, pid_t *pids, unsigned int n)
{
	return children(watch_broker(server), pids, n);
}

/* Sockets of the namespace that it has moved to: all of TCP there is to instances. */
static unsigned int read_inodes(pid_t server, unsigned long *inodes)
{
	char path[64], line[512];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/net/tcp", server);
	f = fopen(path, "re");
	while (f && n < INODES && fgets(line, sizeof line, f))
		n += sscanf(line, " %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &inodes[n]) == 1;
	if (f)
		fclose(f);
	return n;
}

/* One that the other end has reset is in no list, and libcurl closes those it keeps when it looks at them next. */
static bool is_reset(int server, const char *name)
{
	int copy = (int)syscall(SYS_pidfd_getfd, server, atoi(name), 0);
	struct tcp_info info;
	socklen_t len = sizeof info;
	bool reset = copy >= 0 && getsockopt(copy, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_CLOSE;

	if (copy >= 0)
		close(copy);
	return reset;
}

static bool is_upstream(const char *link, const unsigned long *inodes, unsigned int n)
{
	unsigned long inode;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (inodes[i] == inode)
			return true;
	return false;
}

/* The broker keeps cgroups and network namespaces of dead workers for those to come: how many is said by `cgroups`. */
static bool is_kept(const char *link)
{
	return strncmp(link, "/sys/fs/cgroup/", 15) == 0 || strncmp(link, "net:[", 5) == 0;
}

enum owner { OURS, INSTANCES, KEPT };

/* Each descriptor of the server (upstream: it may be connected to instances) or of the broker. */
static void each_fd(pid_t pid, bool upstream, void (*look)(void *arg, const char *fd, const char *link, enum owner owner),
	void *arg)
{
	unsigned long inodes[INODES];
	unsigned int n = upstream ? read_inodes(pid, inodes) : 0;
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	char path[64], link[128];
	struct dirent *e;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		len = readlinkat(dirfd(dir), e->d_name, link, sizeof link - 1);
		if (len < 0)
			continue;
		link[len] = 0;
		if (upstream && (is_upstream(link, inodes, n) || is_reset(process, e->d_name)))
			look(arg, e->d_name, link, INSTANCES);
		else
			look(arg, e->d_name, link, !upstream && is_kept(link) ? KEPT : OURS);
	}
	if (dir)
		closedir(dir);
	if (process >= 0)
		close(process);
}

static void count_one(void *arg, const char *fd, const char *link, enum owner owner)
{
	(void)fd;
	(void)link;
	((unsigned int *)arg)[owner]++;
}

static void tell_one(void *arg, const char *fd, const char *link, enum owner owner)
{
	(void)arg;
	if (owner == OURS && !strstr(link, "/net/tun"))
		fprintf(stderr, "%s %s\n", fd, link);
}

void watch_tell(pid_t pid)
{
	each_fd(pid, true, tell_one, NULL);
}

static unsigned int count_taps(pid_t server)
{
	char path[64], line[512];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/net/dev", server);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		n += strncmp(line + strspn(line, " "), "ukf", 3) == 0;
	if (f)
		fclose(f);
	return n;
}

/* Folders of this name below a folder. */
static unsigned int count_folders(int at, const char *name, const char *prefix, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned int n = 0;
	struct dirent *e;

	while (dir && depth > 0 && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			n++;
		else
			n += count_folders(dirfd(dir), e->d_name, prefix, depth - 1);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return n;
}

void watch_look(pid_t server, struct holding *h)
{
	static pid_t pids[WORKERS];
	unsigned int of_server[KEPT + 1] = { 0 }, of_broker[KEPT + 1] = { 0 };
	pid_t broker = watch_broker(server);
	char prefix[48];

	*h = (struct holding){ .server_kib = faas_number(server, "smaps_rollup", "Pss:"),
		.broker_kib = faas_number(broker, "smaps_rollup", "Pss:"),
		.server_anon = faas_number(server, "smaps_rollup", "Anonymous:"),
		.broker_anon = faas_number(broker, "smaps_rollup", "Anonymous:"),
		.own_kib = faas_number(server, "smaps_rollup", "Private_Dirty:") };
	each_fd(server, true, count_one, of_server);
	each_fd(broker, false, count_one, of_broker);
	h->fds = of_server[OURS];
	h->upstream = of_server[INSTANCES];
	h->broker_fds = of_broker[OURS];
	h->workers = watch_workers(server, pids, WORKERS);
	h->taps = count_taps(server);
	snprintf(prefix, sizeof prefix, "ukvmm-faas-%d-", server);
	/* one hierarchy: with version 1 there are as many in each */
	h->cgroups = count_folders(AT_FDCWD, access("/sys/fs/cgroup/pids", F_OK) == 0 ? "/sys/fs/cgroup/pids" :
			"/sys/fs/cgroup", prefix, DEPTH);
}
