/* SPDX-License-Identifier: Apache-2.0 */
#include "beside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside_run.h"

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
	run_need(ukvmm_image_open(run_host, fd, -1, NULL, &image, &err), &err);
	close(fd);
	snprintf(last, sizeof last, "%s", path);
	return image;
}

static void add_devices(struct beside_vm *v, const struct beside_job *job)
{
	struct ukvmm_net_config net = { .size = sizeof net, .kind = UKVMM_NET_TAP, .fd = -1, .tap = NET_TAP, .mtu = job->mtu };
	struct ukvmm_blk_config blk = { .size = sizeof blk, .flags = UKVMM_BLK_READ_ONLY, .top_fd = -1 };

	memcpy(net.mac, net_mac, sizeof net.mac);
	run_need(ukvmm_vm_add_net(v->vm, "net0", &net, &v->err), &v->err);
	if (!job->disk)
		return;
	blk.fd = file(job->disk);
	run_need(ukvmm_vm_add_blk(v->vm, "disk0", &blk, &v->err), &v->err);
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

	run_open();
	run_need(ukvmm_host_prepare(run_host, &config, shells, &err), &err);
}

struct beside_vm *beside_start(const struct beside_job *job)
{
	struct ukvmm_vm_config config = config_of(job);
	struct beside_vm *v = calloc(1, sizeof *v);
	struct ukvmm_image *image;
	char words[256];

	if (!v)
		beside_die("out of memory");
	run_open();
	image = image_of(job->image);
	v->err.size = sizeof v->err;
	config.cookie = (uintptr_t)v;
	snprintf(words, sizeof words, "%s %s", NET_WORDS, job->words ? job->words : "");
	v->made_at = beside_us();
	run_need(ukvmm_vm_new(run_poller, "function", image, &config, &v->vm, &v->err), &v->err);
	run_need(ukvmm_vm_set_cmdline(v->vm, words, &v->err), &v->err);
	add_devices(v, job);
	run_need(ukvmm_vm_seal(v->vm, &v->err), &v->err);
	run_need(ukvmm_vm_vcpu(v->vm, 0, &v->vcpu), &v->err);
	run_begin(v);
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
		s.resident_bytes, c.exits, s.io_cpu_ns / 1000, (double)c.run_cpu_ns / 1e3 };
}

void beside_end(struct beside_vm *v)
{
	run_end(v);
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
