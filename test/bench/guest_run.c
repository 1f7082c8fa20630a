/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "bench.h"
#include "guest_fork.h"

enum { OUTPUT = 8192 };

static uint32_t told_khz(void)
{
	struct ukvmm_host_info info = { .size = sizeof info };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_host *host;

	if (ukvmm_host_open(&host, -1, NULL, &err))
		bench_die("%s: %s", err.call, err.text);
	ukvmm_host_info(host, &info);
	ukvmm_host_close(host);
	return info.tsc_khz;
}

/* Where KVM does not tell: against the clock, both read before and after a tenth of a second. */
static uint32_t measured_khz(void)
{
	double us = bench_now_us();
	uint64_t tsc = __builtin_ia32_rdtsc();

	usleep(100000);
	tsc = __builtin_ia32_rdtsc() - tsc;
	us = bench_now_us() - us;
	return (uint32_t)((double)tsc * 1e3 / us);
}

uint32_t guest_tsc_khz(void)
{
	static uint32_t khz;

	if (!khz)
		khz = told_khz();
	if (!khz)
		khz = measured_khz();
	return khz;
}

static double field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtod(at + strlen(name), NULL) : 0;
}

void guest_parse(const char *who, const char *output, struct guest_result *r)
{
	const char *line = strstr(output, "result ");

	if (!line || !strstr(output, "\nOK\n") || strstr(output, "FAIL"))
		bench_die("%s: the guest said: %s", who, output);
	r->ns = field(line, " ns=");
	r->count = field(line, " count=");
	r->bytes = field(line, " bytes=");
	r->kicks = field(line, " kicks=");
	r->irqs = field(line, " irqs=");
	r->p50 = field(line, " p50=");
	r->p95 = field(line, " p95=");
	r->p99 = field(line, " p99=");
	r->exits = field(output, "exits=");
	r->io_cpu_ms = field(output, "io_cpu_ms=");
}

static size_t read_all(int fd, char *buf, size_t len)
{
	size_t used = 0;
	ssize_t n;

	while (used < len && (n = read(fd, buf + used, len - used)) > 0)
		used += (size_t)n;
	return used;
}

void guest_fork(const char *who, void (*child)(const struct guest_job *job), const struct guest_job *job,
	int wanted, struct guest_result *r)
{
	char output[OUTPUT] = "";
	struct rusage use;
	int out[2], status;
	pid_t pid;

	if (pipe(out) < 0)
		bench_die("pipe: %s", strerror(errno));
	guest_tsc_khz(); /* once, and the children know */
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		bench_die("fork: %s", strerror(errno));
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		child(job);
		_exit(127);
	}
	close(out[1]);
	read_all(out[0], output, sizeof output - 1);
	close(out[0]);
	if (wait4(pid, &status, 0, &use) != pid)
		bench_die("wait4: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
		bench_die("%s (%s): wait status %#x, output: %s", who, job->cmdline, (unsigned int)status, output);
	guest_parse(who, output, r);
	r->cpu_ms = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}
