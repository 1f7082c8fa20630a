/* SPDX-License-Identifier: Apache-2.0 */
#include "beside.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/run.h>

enum { DEADLINE_S = 300, OUTPUT = 16384, SKIPPED = 77, FAILED = 2, READY_S = 30, MS = 1000000 };

struct beside_vm {
	struct ukvmm_poller *poller;
	struct ukvmm_vm *vm;
	struct ukvmm_stop stop;
	struct ukvmm_capture capture;
	struct ukvmm_err err;
	char output[OUTPUT + 1];
	double made_at;
	pthread_t thread;
	int ending, rc;
};

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

static void open_host(void)
{
	struct ukvmm_err err = { .size = sizeof err };
	pthread_t worker;

	if (host)
		return;
	if (access("/dev/kvm", R_OK | W_OK))
		beside_skip("no usable /dev/kvm");
	need(ukvmm_host_open(&host, -1, NULL, &err), &err);
	if (pthread_create(&worker, NULL, lend, NULL))
		beside_die("pthread_create");
	pthread_detach(worker);
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

static void *run(void *arg)
{
	struct beside_vm *v = arg;

	v->rc = ukvmm_vm_run(v->vm, ukvmm_now() + DEADLINE_S * 1000000000ull, &v->capture, &v->stop, &v->err);
	v->output[v->capture.used] = 0;
	if (!__atomic_load_n(&v->ending, __ATOMIC_ACQUIRE))
		beside_die("the guest ended (reason %u, value %llu): %s", v->stop.reason, (unsigned long long)v->stop.value,
			v->output);
	return NULL;
}

struct beside_vm *beside_start(const struct beside_job *job)
{
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = job->memory, .hugepages = job->hugepages };
	struct beside_vm *v = calloc(1, sizeof *v);
	struct ukvmm_image *image;
	char words[256];

	if (!v)
		beside_die("out of memory");
	open_host();
	image = image_of(job->image);
	v->err.size = sizeof v->err;
	v->stop.size = sizeof v->stop;
	v->capture = (struct ukvmm_capture){ .size = sizeof v->capture, .buf = v->output, .len = OUTPUT };
	snprintf(words, sizeof words, "%s %s", NET_WORDS, job->words ? job->words : "");
	need(ukvmm_poller_new(host, &v->poller, &v->err), &v->err);
	v->made_at = beside_us();
	need(ukvmm_vm_new(v->poller, "function", image, &config, &v->vm, &v->err), &v->err);
	need(ukvmm_vm_set_cmdline(v->vm, words, &v->err), &v->err);
	add_devices(v, job);
	need(ukvmm_vm_seal(v->vm, &v->err), &v->err);
	if (pthread_create(&v->thread, NULL, run, v))
		beside_die("pthread_create");
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
	struct ukvmm_vcpu *vcpu;

	ukvmm_vm_stats(v->vm, &s);
	need(ukvmm_vm_vcpu(v->vm, 0, &vcpu), &v->err);
	ukvmm_vcpu_stats(vcpu, &c);
	*t = (struct beside_times){ since(s.sealed_at, &s), since(s.first_entry_at, &s), since(s.ready_at, &s), v->made_at,
		s.resident_bytes, c.exits, s.io_cpu_ns / 1000 };
}

double beside_ready(struct beside_vm *v)
{
	const struct timespec pause = { 0, MS / 4 };
	double until = beside_us() + READY_S * 1e6;
	struct ukvmm_vm_stats s = { .size = sizeof s };

	for (ukvmm_vm_stats(v->vm, &s); !s.ready_at; ukvmm_vm_stats(v->vm, &s)) {
		if (beside_us() > until)
			beside_die("the guest is not ready");
		nanosleep(&pause, NULL);
	}
	return since(s.ready_at, &s);
}

void beside_end(struct beside_vm *v)
{
	__atomic_store_n(&v->ending, 1, __ATOMIC_RELEASE);
	ukvmm_vm_stop(v->vm);
	pthread_join(v->thread, NULL);
	ukvmm_vm_destroy(v->vm);
	ukvmm_poller_free(v->poller);
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
