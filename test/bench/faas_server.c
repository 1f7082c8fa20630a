/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faas.h"

enum { START_S = 100 };

char faas_url[64];
static char folder[] = "/tmp/bench-faas.XXXXXX";
static pid_t server;

static void enter_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		bench_die("a network namespace needs root: %s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		bench_die("lo: %s", strerror(errno));
	close(fd);
}

/* sd_notify(3): it says when it is ready. */
static int notify_socket(char *path, size_t len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = START_S };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(path, len, "%s/notify", folder);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		bench_die("%s: %s", path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return fd;
}

static void become_server(const char *notify, const char *network, const char *pool_most, int log)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a benchmark that gives up leaves none behind */
	setenv("NOTIFY_SOCKET", notify, 1);
	if (log < 0)
		log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	execl(FAAS_PROGRAM, "ukvmm-faas", "serve", "--state", folder, "--pool", "16", "--pool-most", pool_most,
		"--network", network, (char *)NULL);
	_exit(127);
}

pid_t faas_serve(const char *network, const char *pool_most, int log)
{
	char path[64], word[64];
	int fd;

	enter_namespace();
	if (!mkdtemp(folder))
		bench_die("%s: %s", folder, strerror(errno));
	fd = notify_socket(path, sizeof path);
	server = fork();
	if (server == 0)
		become_server(path, network, pool_most, log);
	if (recv(fd, word, sizeof word, 0) <= 0)
		bench_die("%s did not become ready: is there a /dev/kvm?", FAAS_PROGRAM);
	close(fd);
	snprintf(faas_url, sizeof faas_url, "http://127.0.0.1:8080");
	return server;
}

int faas_stop(void)
{
	char command[96];
	int status = -1;

	kill(server, SIGTERM);
	waitpid(server, &status, 0);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	if (system(command) != 0)
		bench_die("%s could not be removed", folder);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void faas_command(const char *const *words, char *out, unsigned long out_len)
{
	const char *argv[24] = { "ukvmm-faas" };
	int pair[2], status, n = 0;
	ssize_t got;
	pid_t pid;

	while (words[n] && n < 22) {
		argv[n + 1] = words[n];
		n++;
	}
	if (pipe(pair) < 0 || (pid = fork()) < 0)
		bench_die("fork: %s", strerror(errno));
	if (pid == 0) {
		dup2(pair[1], STDOUT_FILENO);
		close(pair[0]);
		execv(FAAS_PROGRAM, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pair[1]);
	for (unsigned long at = 0; out && at + 1 < out_len && (got = read(pair[0], out + at, out_len - at - 1)) > 0;)
		out[at += (unsigned long)got] = 0;
	waitpid(pid, &status, 0);
	close(pair[0]);
	if (status != 0)
		bench_die("ukvmm-faas %s %s failed", words[0], words[1] ? words[1] : "");
}

double faas_number(pid_t pid, const char *file, const char *word)
{
	char path[64], line[512];
	double value = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, word, strlen(word)) == 0)
			value = strtod(line + strlen(word), NULL);
	if (f)
		fclose(f);
	return value;
}

/* utime and stime: fields 14 and 15, counted behind the name's bracket. */
static double cpu_ms(pid_t pid)
{
	unsigned long long user = 0, kernel = 0;
	char path[64], line[1024], *end;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof line, f) && (end = strrchr(line, ')')))
		sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &kernel);
	fclose(f);
	return (double)(user + kernel) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

void faas_workers(struct faas_workers *w)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	*w = (struct faas_workers){ 0 };
	while (dir && (e = readdir(dir))) {
		pid_t pid = (pid_t)atoi(e->d_name);

		/* a child of the server's broker */
		if (pid <= 0 || (pid_t)faas_number((pid_t)faas_number(pid, "status", "PPid:"), "status", "PPid:") != server)
			continue;
		w->n++;
		w->pss_kib += faas_number(pid, "smaps_rollup", "Pss:");
		w->cpu_ms += cpu_ms(pid);
	}
	if (dir)
		closedir(dir);
}
