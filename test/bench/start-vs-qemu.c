/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nothing to the end of a guest that prints one line: `ukvmm run` beside QEMU's microvm, whole
 * processes, the same image, 128 MiB, one vCPU, run in turn so that both see the same host. QEMU is
 * measured as its documentation has it (-M microvm) and with every legacy device switched off. A
 * run that does not end with status 0 and that very line is an error, not a sample.
 *
 * usage: start-vs-qemu [--json] [--runs N] [IMAGE]
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char usage[] = "usage: start-vs-qemu [--json] [--runs N] [IMAGE]";
static const char wanted[] = "hello from a guest\n";

enum { CONTENDERS = 3, WORDS = 24 };

struct contender {
	const char *argv[WORDS];
	struct bench_series *wall, *cpu;
};

/* execvp would look along PATH inside the time that is measured */
static const char *find_program(const char *name)
{
	static char path[4096];
	const char *at = getenv("PATH");
	size_t len;

	for (at = at ? at : "/usr/bin:/bin"; *at; at += len + (at[len] == ':')) {
		len = strcspn(at, ":");
		snprintf(path, sizeof path, "%.*s/%s", (int)len, at, name);
		if (access(path, X_OK) == 0)
			return path;
	}
	bench_die("%s is not installed", name);
}

static void contender(struct contender *c, struct bench *b, const char *wall, const char *cpu)
{
	c->wall = bench_series(b, wall, "ms");
	c->cpu = bench_series(b, cpu, "ms");
}

static void qemu(struct contender *c, const char *program, const char *machine, const char *image)
{
	const char *const argv[] = {
		program, "-M", machine, "-accel", "kvm", "-m", "128", "-smp", "1", "-nodefaults",
		"-no-user-config", "-nographic", "-serial", "stdio", "-no-reboot", "-kernel", image,
		NULL,
	};

	memcpy(c->argv, argv, sizeof argv);
}

static void spawn_files(posix_spawn_file_actions_t *files, int out)
{
	posix_spawn_file_actions_init(files);
	posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
	/* QEMU warns of CPU features of no matter here */
	posix_spawn_file_actions_addopen(files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
}

/* The line is shorter than a pipe: it can be read after the end. */
static void check(const struct contender *c, int status, int fd)
{
	char got[256] = "";
	ssize_t n = read(fd, got, sizeof got - 1);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && n > 0 && strcmp(got, wanted) == 0)
		return;
	bench_die("%s: wait status %#x, and it printed \"%s\"", c->argv[0], (unsigned int)status,
		got);
}

static double ms(const struct timeval *t)
{
	return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

static void run_once(const struct contender *c)
{
	posix_spawn_file_actions_t files;
	struct rusage use;
	int out[2], rc, status;
	double before, after;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		bench_die("pipe2: %s", strerror(errno));
	spawn_files(&files, out[1]);
	before = bench_now_ms();
	rc = posix_spawn(&pid, c->argv[0], &files, NULL, (char *const *)(uintptr_t)c->argv,
		environ);
	if (rc != 0)
		bench_die("%s: %s", c->argv[0], strerror(rc));
	if (wait4(pid, &status, 0, &use) != pid)
		bench_die("wait4: %s", strerror(errno));
	after = bench_now_ms();
	close(out[1]);
	check(c, status, out[0]);
	close(out[0]);
	posix_spawn_file_actions_destroy(&files);
	bench_add(c->wall, after - before);
	bench_add(c->cpu, ms(&use.ru_utime) + ms(&use.ru_stime));
}

static void ratio(struct bench *b, const char *name, const struct contender *slow,
	const struct contender *fast)
{
	bench_value(b, name, bench_percentile(slow->wall, 50) / bench_percentile(fast->wall, 50));
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 100 };
	struct contender c[CONTENDERS] = { 0 };
	const char *image, *program;
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	image = argv[options.words] ? argv[options.words] : HELLO_IMAGE;
	program = find_program("qemu-system-x86_64");
	b = bench_new("Whole process: start, boot, one line of output, end");
	contender(&c[0], b, "ukvmm_ms", "ukvmm_cpu_ms");
	contender(&c[1], b, "qemu_ms", "qemu_cpu_ms");
	contender(&c[2], b, "qemu_trimmed_ms", "qemu_trimmed_cpu_ms");
	memcpy(c[0].argv, (const char *[]){ UKVMM_PROGRAM, "run", image }, 3 * sizeof image);
	qemu(&c[1], program, "microvm", image);
	qemu(&c[2], program, "microvm,acpi=off,pit=off,pic=off,rtc=off,x-option-roms=off", image);
	for (unsigned int i = 0; i < options.runs; i++)
		for (size_t k = 0; k < CONTENDERS; k++)
			run_once(&c[k]);
	ratio(b, "ratio_qemu_to_ukvmm", &c[1], &c[0]);
	ratio(b, "ratio_qemu_trimmed_to_ukvmm", &c[2], &c[0]);
	bench_print(b, options.json);
	bench_free(b);
	return 0;
}
