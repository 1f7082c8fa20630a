/* SPDX-License-Identifier: Apache-2.0 */
#include "beside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

enum { OUTPUT = 16384, SKIPPED = 77, FAILED = 2 };

struct beside_vm {
	struct ukvmm_vm *vm;
	struct ukvmm_vcpu *vcpu;
	struct ukvmm_err err;
	char output[OUTPUT + 1];
	size_t said;
	double made_at;
	int ending;
};

/* One guest at a time, on threads that are there before it: one for its vCPU, one for its devices. */
static struct {
	struct ukvmm_poller *poller;
	struct beside_vm *vm;
	sem_t go, runnable, out, stopped; /* out: the vCPU has returned its last stop */
} turn;

static struct ukvmm_host *host;

void beside_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(FAILED);
}

void beside_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("SKIPPED: ");
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	exit(SKIPPED);
}

static void need(int rc, const struct ukvmm_err *err)
{
	if (rc < 0)
		beside_die("%s(%s): %s", err->call, err->object, err->text);
}

static void *lend(void *unused)
{
	(void)unused;
	ukvmm_host_work(host, 0);
	return NULL;
}

static void take_output(struct beside_vm *v)
{
	char drop[512];
	int64_t n;

	do {
		size_t room = OUTPUT - v->said;

		n = ukvmm_vm_console_read(v->vm, 0, room ? v->output + v->said : drop, room ? room : sizeof drop, NULL);
		if (room && n > 0)
			v->said += (size_t)n;
	} while (n > 0);
}

static void *poll_thread(void *unused)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(turn.poller), .events = POLLIN };
	struct ukvmm_event ev[16];

	for (;; poll(&p, 1, -1)) {
		int n = ukvmm_poller_run(turn.poller, ev, 16, 0);

		for (int i = 0; i < n; i++) {
			if (ev[i].type == UKVMM_EV_RUNNABLE)
				sem_post(&turn.runnable);
			else if (ev[i].type == UKVMM_EV_CONSOLE)
				take_output((struct beside_vm *)(uintptr_t)ev[i].cookie);
			else if (ev[i].type == UKVMM_EV_STOPPED)
				sem_post(&turn.stopped);
		}
	}
	return unused;
}

/* Until its last stop, which nobody may wait for but beside_end. */
static void run(struct beside_vm *v)
{
	struct ukvmm_stop stop = { .size = sizeof stop };

	for (;;) {
		int rc = ukvmm_vcpu_run(v->vcpu, NULL, &stop, &v->err);

		if (rc == 0 && (stop.reason == UKVMM_STOP_KICKED || stop.reason == UKVMM_STOP_SLICE))
			continue;
		if (rc < 0 || (stop.reason != UKVMM_STOP_IDLE && stop.reason != UKVMM_STOP_PAUSED))
			break;
		while (sem_wait(&turn.runnable))
			;
	}
	if (!__atomic_load_n(&v->ending, __ATOMIC_ACQUIRE))
		beside_die("the guest ended (reason %u, value %llu): %s", stop.reason, (unsigned long long)stop.value, v->output);
}

static void *vcpu_thread(void *unused)
{
	for (;;) {
		while (sem_wait(&turn.go))
			;
		run(turn.vm);
		sem_post(&turn.out);
	}
	return unused;
}

static void thread(void *(*run_it)(void *))
{
	pthread_t id;

	if (pthread_create(&id, NULL, run_it, NULL))
		beside_die("pthread_create");
	pthread_detach(id);
}

static void open_host(void)
{
	struct ukvmm_err err = { .size = sizeof err };

	if (host)
		return;
	if (access("/dev/kvm", R_OK | W_OK))
		beside_skip("no usable /dev/kvm");
	need(ukvmm_host_open(&host, -1, NULL, &err), &err);
	need(ukvmm_poller_new(host, &turn.poller, &err), &err);
	sem_init(&turn.go, 0, 0);
	sem_init(&turn.runnable, 0, 0);
	sem_init(&turn.out, 0, 0);
	sem_init(&turn.stopped, 0, 0);
	thread(lend);
	thread(poll_thread);
	thread(vcpu_thread);
}

static int file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		beside_die("%s: %s", path, strerror(errno));
	return fd;
}

/* The image is read before the time begins, as a host does that starts many. */
static struct ukvmm_image *image_of(const char *path)
{
	static char last[512];
	static struct ukvmm_image *image;
	struct ukvmm_err err = { .size = sizeof err };
	int fd;

	if (image && !strcmp(last, path))
		return image;
	ukvmm_image_unref(image);
	fd = file(path);
	need(ukvmm_image_open(host, fd, -1, NULL, &image, &err), &err);
	close(fd);
	snprintf(last, sizeof last, "%s", path);
	return image;
}

static void add_devices(struct beside_vm *v, const struct beside_job *job)
{
	struct ukvmm_net_config net = { .size = sizeof net, .kind = UKVMM_NET_TAP, .fd = -1, .tap = NET_TAP, .mtu = job->mtu };
	struct ukvmm_blk_config blk = { .size = sizeof blk, .flags = UKVMM_BLK_READ_ONLY, .top_fd = -1 };

	memcpy(net.mac, net_mac, sizeof net.mac);
	need(ukvmm_vm_add_net(v->vm, "net0", &net, &v->err), &v->err);
	if (!job->disk)
		return;
	blk.fd = file(job->disk);
	need(ukvmm_vm_add_blk(v->vm, "disk0", &blk, &v->err), &v->err);
	close(blk.fd);
}

static struct ukvmm_vm_config config_of(const struct beside_job *job)
{
	return (struct ukvmm_vm_config){ .size = sizeof(struct ukvmm_vm_config), .memory = job->memory,
		.hugepages = job->hugepages };
}

void beside_prepare(const struct beside_job *job, unsigned shells)
{
	const struct ukvmm_vm_config config = config_of(job);
	struct ukvmm_err err = { .size = sizeof err };

	open_host();
	need(ukvmm_host_prepare(host, &config, shells, &err), &err);
}

struct beside_vm *beside_start(const struct beside_job *job)
{
	struct ukvmm_vm_config config = config_of(job);
	struct beside_vm *v = calloc(1, sizeof *v);
	struct ukvmm_image *image;
	char words[256];

	if (!v)
		beside_die("out of memory");
	open_host();
	image = image_of(job->image);
	v->err.size = sizeof v->err;
	config.cookie = (uintptr_t)v;
	snprintf(words, sizeof words, "%s %s", NET_WORDS, job->words ? job->words : "");
	v->made_at = beside_us();
	need(ukvmm_vm_new(turn.poller, "function", image, &config, &v->vm, &v->err), &v->err);
	need(ukvmm_vm_set_cmdline(v->vm, words, &v->err), &v->err);
	add_devices(v, job);
	need(ukvmm_vm_seal(v->vm, &v->err), &v->err);
	need(ukvmm_vm_vcpu(v->vm, 0, &v->vcpu), &v->err);
	turn.vm = v;
	sem_post(&turn.go);
	return v;
}

static double since(uint64_t at, const struct ukvmm_vm_stats *s)
{
	return at > s->created_at ? (double)(at - s->created_at) / 1e3 : 0;
}

void beside_look(struct beside_vm *v, struct beside_times *t)
{
	struct ukvmm_vm_stats s = { .size = sizeof s };
	struct ukvmm_vcpu_stats c = { .size = sizeof c };

	ukvmm_vm_stats(v->vm, &s);
	ukvmm_vcpu_stats(v->vcpu, &c);
	*t = (struct beside_times){ since(s.sealed_at, &s), since(s.first_entry_at, &s), since(s.ready_at, &s), v->made_at,
		s.resident_bytes, c.exits, s.io_cpu_ns / 1000 };
}

void beside_end(struct beside_vm *v)
{
	__atomic_store_n(&v->ending, 1, __ATOMIC_RELEASE);
	ukvmm_vm_stop(v->vm);
	while (sem_wait(&turn.out))
		;
	while (sem_wait(&turn.stopped))
		;
	ukvmm_vm_destroy(v->vm);
	free(v);
}

extern char **environ;

int beside_spawn(const char *const *argv, int tap)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, tap, BESIDE_TAP_FD);
	rc = posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (rc)
		beside_die("%s: %s", argv[0], strerror(rc));
	return pid;
}

void beside_kill(int pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}
