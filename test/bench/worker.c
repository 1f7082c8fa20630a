/* SPDX-License-Identifier: Apache-2.0 */
/* What the second wall costs: a worker from nothing, a job for one that waits, memory while it waits; `ukvmm run`, with
 * its walls and without. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "worker.h"

enum { MEMORY = 16 << 20, WARM_UP = 5, PATIENCE_MS = 20000, WAITING = 8 };

const char report_program[] = "worker";

static struct worker_event event;

static void await(struct worker *w, enum worker_event_type type)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };
	char text[128];

	while (!worker_next(w, &event))
		if (poll(&p, 1, PATIENCE_MS) == 0)
			bench_die("a worker says nothing");
	if (event.type == WORKER_FAILED)
		bench_die("%s(%s): %s", event.message.failed.err.call, event.message.failed.err.object,
			event.message.failed.err.text);
	if (event.type == WORKER_DEAD && type != WORKER_DEAD) {
		worker_death_text(&event.death, text, sizeof text);
		bench_die("worker: %s", text);
	}
	if (event.type != type)
		bench_die("a worker says %d, not %d", (int)event.type, (int)type);
}

static struct worker *begin(uint32_t flags)
{
	struct worker_config config = { .flags = flags, .kvm_fd = -1, .memory = MEMORY, .vcpus = 1 };
	struct ukvmm_err err = { .size = sizeof err };
	struct worker *w;

	if (worker_new(&config, &w, &err) < 0)
		bench_die("%s(%s): %s", err.call, err.object, err.text);
	return w;
}

struct life {
	struct bench_series *ready, *first, *stopped, *gone;
};

static double us_between(double from_us, uint64_t at_ns)
{
	return (double)at_ns / 1000 - from_us;
}

static void live(struct life *l, uint32_t flags, int image)
{
	struct worker_job job;
	double start = bench_now_us(), ready, given, stopped, first;
	struct worker *w = begin(flags);

	await(w, WORKER_READY);
	ready = bench_now_us();
	worker_job_init(&job);
	snprintf(job.config.name, sizeof job.config.name, "bench");
	job.config.memory = MEMORY;
	job.config.image_fd = image;
	/* a pool's worker has long been asleep */
	poll(NULL, 0, 2);
	given = bench_now_us();
	if (worker_start(w, &job, NULL) < 0)
		bench_die("worker_start: %s", strerror(errno));
	await(w, WORKER_STOPPED);
	stopped = bench_now_us();
	first = us_between(given, event.message.stopped.stats.vm.first_entry_at);
	await(w, WORKER_DEAD);
	if (l) {
		bench_add(l->ready, ready - start);
		bench_add(l->first, first);
		bench_add(l->stopped, stopped - given);
		bench_add(l->gone, bench_now_us() - stopped);
	}
	worker_free(w);
}

/* In KiB; 0: /proc does not tell us. */
static double pss(pid_t pid)
{
	char path[64], line[128];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f) && sscanf(line, "Pss: %lu kB", &kib) != 1)
		;
	if (f)
		fclose(f);
	return (double)kib;
}

static void wait_together(struct bench *b)
{
	struct bench_series *s = bench_series(b, "waiting_pss_kib", "KiB");
	struct worker *w[WAITING];

	for (int i = 0; i < WAITING; i++)
		w[i] = begin(0);
	for (int i = 0; i < WAITING; i++)
		await(w[i], WORKER_READY);
	for (int i = 0; i < WAITING; i++)
		if (pss(worker_pid(w[i])) > 0)
			bench_add(s, pss(worker_pid(w[i])));
	for (int i = 0; i < WAITING; i++)
		worker_free(w[i]);
}

static void run(struct bench_series *s, char *const *argv)
{
	posix_spawn_file_actions_t files;
	extern char **environ;
	double start = bench_now_ms();
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, argv[0], &files, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		bench_die("%s %s %s failed", argv[0], argv[1], argv[2]);
	posix_spawn_file_actions_destroy(&files);
	if (s)
		bench_add(s, bench_now_ms() - start);
}

static void programs(struct bench *b, unsigned int runs)
{
	static char program[] = UKVMM_PROGRAM, image[] = HELLO_IMAGE, verb[] = "run", bare[] = "--no-sandbox";
	char *sealed[] = { program, verb, image, NULL }, *open[] = { program, verb, bare, image, NULL };
	struct bench_series *s = bench_series(b, "run_sealed_ms", "ms"), *o = bench_series(b, "run_no_sandbox_ms", "ms");

	for (unsigned int i = 0; i < runs + WARM_UP; i++) {
		run(i < WARM_UP ? NULL : s, sealed);
		run(i < WARM_UP ? NULL : o, open);
	}
	bench_value(b, "ratio_run_sealed", bench_percentile(s, 50) / bench_percentile(o, 50));
}

int main(int argc, char **argv)
{
	struct bench_options o = { .runs = 100 };
	struct bench *b;
	struct life sealed, bare;
	int image;

	worker_main_if_worker(argc, argv);
	b = bench_new("Workers: a guest of 16 MiB that prints a line");
	bench_parse(argc, argv, "worker [--json] [--runs N]", &o);
	sealed = (struct life){ bench_series(b, "from_nothing_us", "us"), bench_series(b, "job_to_first_instruction_us", "us"),
		bench_series(b, "job_to_stopped_us", "us"), bench_series(b, "stopped_to_dead_us", "us") };
	bare = (struct life){ bench_series(b, "bare_from_nothing_us", "us"),
		bench_series(b, "bare_job_to_first_instruction_us", "us"), bench_series(b, "bare_job_to_stopped_us", "us"),
		bench_series(b, "bare_stopped_to_dead_us", "us") };
	image = open(HELLO_IMAGE, O_RDONLY | O_CLOEXEC);
	if (image < 0)
		bench_die("%s: %s", HELLO_IMAGE, strerror(errno));
	for (unsigned int i = 0; i < o.runs + WARM_UP; i++) {
		live(i < WARM_UP ? NULL : &sealed, 0, image);
		live(i < WARM_UP ? NULL : &bare, WORKER_NO_SANDBOX, image);
	}
	wait_together(b);
	programs(b, o.runs);
	bench_print(b, o.json);
	bench_free(b);
	return 0;
}
