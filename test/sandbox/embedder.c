/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-embedder: what threads under a filter meet that is not the library's doing: a large realloc, the first line
 * of a stdio stream, a handled signal, a stop and SIGCONT within a wait. Exit status 0 or 1; 77 without /dev/kvm.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

enum { SMALL = 1 << 20, LARGE = 16 << 20, WAIT_S = 100 };

static struct ukvmm_host *host;

struct subject {
	const char *name;
	uint32_t role, may;
	bool allocates, prints;
	void (*wait)(struct subject *s); /* for `over`, with a timeout; NULL: it has no such wait */
	pthread_t thread;
	_Atomic pid_t tid;
	atomic_bool signalled, waits;
	FILE *stream;
	int pipe[2];
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool over;
};

static void check(bool right, const char *name, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "%s: %s\n", name, what);
	_exit(1);
}

static void wait_pipe(struct subject *s)
{
	struct pollfd p = { .fd = s->pipe[0], .events = POLLIN };

	check(poll(&p, 1, WAIT_S * 1000) == 1, s->name, "poll was not woken");
}

static void wait_cond(struct subject *s)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&s->lock);
	while (!s->over && !rc)
		rc = pthread_cond_timedwait(&s->cond, &s->lock, &until);
	pthread_mutex_unlock(&s->lock);
	check(!rc, s->name, "the condition was not signalled");
}

static struct subject subjects[] = {
	{ .name = "vcpu", .role = UKVMM_ROLE_VCPU },
	{ .name = "vcpu that serves", .role = UKVMM_ROLE_VCPU, .may = UKVMM_MAY_SERVE, .allocates = true,
		.wait = wait_pipe },
	{ .name = "io", .role = UKVMM_ROLE_IO, .allocates = true, .prints = true, .wait = wait_pipe },
	{ .name = "work", .role = UKVMM_ROLE_WORK, .allocates = true, .wait = wait_cond },
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static void on_signal(int signal)
{
	(void)signal;
	for (int i = 0; i < SUBJECTS; i++)
		if (pthread_equal(subjects[i].thread, pthread_self()))
			atomic_store(&subjects[i].signalled, true);
}

static void allocate(struct subject *s)
{
	uint8_t *p = malloc(SMALL), *q;

	for (int i = 0; i < 16; i++) /* the heap itself has to grow, or did before and is given back */
		free(malloc(SMALL / 2 - 4096));

	check(p, s->name, "malloc");
	memset(p, 7, SMALL);
	q = realloc(p, LARGE);
	check(q && q[0] == 7 && q[SMALL - 1] == 7, s->name, "realloc");
	free(q);
}

static bool in_time(atomic_bool *flag)
{
	uint64_t end = ukvmm_now() + WAIT_S * 1000000000ull;

	while (!atomic_load(flag))
		if (ukvmm_now() > end)
			return false;
	return true;
}

static void *run(void *arg)
{
	struct subject *s = arg;
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = s->role, .may = s->may };

	s->thread = pthread_self();
	atomic_store(&s->tid, gettid());
	check(!ukvmm_sandbox_enter(host, &config, NULL), s->name, "enter");
	check(in_time(&s->signalled), s->name, "the handler was not called");
	if (s->allocates)
		allocate(s);
	if (s->prints)
		check(fputs("a line\n", s->stream) >= 0 && !fflush(s->stream), s->name, "stdio");
	atomic_store(&s->waits, true);
	if (s->wait)
		s->wait(s);
	return NULL;
}

/* Sleeps in the kernel: its wait. */
static bool sleeps(pid_t tid)
{
	char path[64], text[512], *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	state = strrchr(text, ')');
	return state && state[1] == ' ' && (state[2] == 'S' || state[2] == 't');
}

/* The whole process, by a child: who is stopped cannot go on by himself. */
static void stop_and_go_on(void)
{
	pid_t parent = getpid(), child = fork();
	int status;

	if (!child) {
		kill(parent, SIGSTOP);
		kill(parent, SIGCONT);
		_exit(0);
	}
	check(child > 0 && waitpid(child, &status, 0) == child && !status, "parent", "fork");
}

static void wake(struct subject *s)
{
	check(write(s->pipe[1], "!", 1) == 1, s->name, "write");
	pthread_mutex_lock(&s->lock);
	s->over = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

static void start(struct subject *s)
{
	int file = memfd_create("stream", MFD_CLOEXEC);

	s->stream = fdopen(file, "w");
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	check(s->stream && !pipe2(s->pipe, O_CLOEXEC), s->name, "files");
	check(!pthread_create(&s->thread, NULL, run, s), s->name, "pthread_create");
}

static void see_through(struct subject *s)
{
	uint64_t end = ukvmm_now() + WAIT_S * 1000000000ull;

	while (!atomic_load(&s->tid))
		check(ukvmm_now() < end, s->name, "it did not begin");
	check(!pthread_kill(s->thread, SIGUSR1), s->name, "pthread_kill");
	check(in_time(&s->waits), s->name, "it did not come to its wait");
	if (s->wait) {
		while (!sleeps(atomic_load(&s->tid)))
			check(ukvmm_now() < end, s->name, "it does not wait");
		stop_and_go_on();
		wake(s);
	}
	check(!pthread_join(s->thread, NULL), s->name, "pthread_join");
}

/* More heaps than malloc makes without a thought: each thread here has one, and keeps it. */
static void *hold_heap(void *arg)
{
	sem_t *both = arg;
	void *volatile p = malloc(100);

	sem_post(&both[0]);
	sem_wait(&both[1]);
	free(p);
	return NULL;
}

static void hold_heaps(void)
{
	enum { HEAPS = 8 }; /* the next one counts processors */
	static sem_t both[2];
	pthread_t thread;

	for (int i = 0; i < HEAPS; i++) {
		check(!pthread_create(&thread, NULL, hold_heap, both), "heap", "pthread_create");
		while (sem_wait(&both[0]))
			;
	}
}

/* heaps: 0: a thread has its own heap; 1: all have one, as where there are many threads. */
static int run_one(struct subject *s, int heaps)
{
	const struct sigaction action = { .sa_handler = on_signal };

	if (ukvmm_host_open(&host, -1, NULL, NULL))
		return 77;
	if (heaps)
		mallopt(M_ARENA_MAX, heaps);
	else
		hold_heaps();
	/* what is large is mapped, also after it was freed once */
	mallopt(M_MMAP_THRESHOLD, SMALL / 2);
	mallopt(M_TRIM_THRESHOLD, SMALL / 4);
	sigaction(SIGUSR1, &action, NULL);
	start(s);
	see_through(s);
	return 0;
}

/* malloc asks some things once in a process: each has one of its own. */
int main(void)
{
	for (int i = 0; i < 2 * SUBJECTS; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(run_one(&subjects[i / 2], i & 1));
		check(pid > 0 && waitpid(pid, &status, 0) == pid, "process", "fork");
		if (status)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	return 0;
}
