/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acquire, seal, drop, run; and still make VMs afterwards, from shells made ahead. Start it as root.
 * usage: drop-privileges IMAGE
 *
 * Three threads, each left with the system calls of its role: this one polls and makes VMs, one runs vCPUs, one is
 * lent to the library. A guest that took over any of them would find no file, no network and no other process.
 */
#include <ukvmm/sandbox.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cost.h"

enum { NOBODY = 65534, SHELLS = 4, DEADLINE_MS = 5000 };

/* A vCPU on its way to the thread that runs it, and what it came back with. */
struct lane {
	struct ukvmm_host *host;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct ukvmm_vcpu *vcpu;
	struct ukvmm_stop stop;
};

static void enter(struct ukvmm_host *host, uint32_t role, uint32_t may)
{
	const struct ukvmm_sandbox_config s = { .size = sizeof s, .role = role, .may = may };
	struct ukvmm_err err = { .size = sizeof err };

	if (ukvmm_sandbox_enter(host, &s, &err) == 0)
		return;
	fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	_exit(125);
}

static void *run_vcpus(void *arg)
{
	struct lane *l = arg;

	enter(l->host, UKVMM_ROLE_VCPU, 0);
	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct ukvmm_stop stop = { .size = sizeof stop };

		while (!l->vcpu)
			pthread_cond_wait(&l->changed, &l->lock);
		pthread_mutex_unlock(&l->lock);
		ukvmm_vcpu_run(l->vcpu, NULL, &stop, NULL);
		pthread_mutex_lock(&l->lock);
		l->stop = stop;
		l->vcpu = NULL;
		pthread_cond_broadcast(&l->changed);
	}
	return NULL;
}

static void *work(void *arg)
{
	enter(arg, UKVMM_ROLE_WORK, UKVMM_MAY_CREATE);
	ukvmm_host_work(arg, 0);
	return NULL;
}

/* In this order: the user is changed for all threads at once, which filtered ones could not follow. */
static int drop(struct lane *l, struct ukvmm_err *err)
{
	pthread_t thread;
	int rc;

	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		return -errno;
	rc = ukvmm_sandbox_no_capabilities(err);
	/* -EPERM: this user had none left to take from the bounding set, nor can it get any */
	if ((rc && rc != -EPERM) || (rc = ukvmm_sandbox_undumpable(err)) || (rc = ukvmm_sandbox_no_new_privs(err)))
		return rc;
	rc = ukvmm_sandbox_landlock(NULL, err);
	if (rc && rc != -ENOSYS && rc != -EOPNOTSUPP)
		return rc;
	rc = -pthread_create(&thread, NULL, run_vcpus, l);
	if (!rc)
		rc = -pthread_create(&thread, NULL, work, l->host);
	if (!rc)
		enter(l->host, UKVMM_ROLE_IO, UKVMM_MAY_CREATE);
	return rc;
}

static void say_output(struct ukvmm_vm *vm)
{
	char out[4096];
	int64_t n;

	while ((n = ukvmm_vm_console_read(vm, 0, out, sizeof out, NULL)) > 0)
		fwrite(out, 1, (size_t)n, stdout);
}

static void poll_until_stopped(struct ukvmm_poller *io, struct ukvmm_vm *vm)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(io), .events = POLLIN };
	struct ukvmm_event ev[16];

	for (;;) {
		int n;

		if (poll(&p, 1, DEADLINE_MS) == 0)
			ukvmm_vm_stop(vm);
		n = ukvmm_poller_run(io, ev, 16, 0);
		for (int i = 0; i < n; i++) {
			if (ev[i].type == UKVMM_EV_CONSOLE)
				say_output(vm);
			if (ev[i].type == UKVMM_EV_STOPPED)
				return;
		}
	}
}

/* The guest's exit status. */
static int run(struct lane *l, struct ukvmm_poller *io, struct ukvmm_vm *vm, uid_t uid)
{
	pthread_mutex_lock(&l->lock);
	ukvmm_vm_vcpu(vm, 0, &l->vcpu);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	printf("uid %u: ", (unsigned)uid);
	poll_until_stopped(io, vm);
	pthread_mutex_lock(&l->lock);
	while (l->vcpu)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
	say_output(vm);
	return l->stop.reason == UKVMM_STOP_POWEROFF ? (int)l->stop.value : 125;
}

/* What a guest that took this thread over would do first: here a child does it, and is gone. */
static void try_a_socket(struct ukvmm_host *host)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		enter(host, UKVMM_ROLE_IO, UKVMM_MAY_CREATE);
		socket(AF_INET, SOCK_STREAM, 0);
		_exit(0);
	}
	waitpid(child, &status, 0);
	printf("a socket would be: %s\n", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "made");
}

int main(int argc, char **argv)
{
	struct lane lane = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	struct ukvmm_poller *io = NULL;
	struct ukvmm_image *image = NULL;
	struct ukvmm_vm *vm = NULL;
	struct ukvmm_err err = { .size = sizeof err };
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16u << 20 };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1, rc;

	if (ukvmm_host_open(&lane.host, kvm, NULL, &err) < 0 || ukvmm_poller_new(lane.host, &io, &err) < 0 ||
		ukvmm_image_open(lane.host, fd, -1, NULL, &image, &err) < 0 ||
		ukvmm_vm_new(io, "first", image, &c, &vm, &err) < 0 || ukvmm_vm_seal(vm, &err) < 0 ||
		ukvmm_host_prepare(lane.host, &c, SHELLS, &err) < 0)
		goto fail;
	printf("fds of a sealed VM: %d\n", ukvmm_vm_fds(vm));
	cost_print("before the drop", 1);
	try_a_socket(lane.host);
	close(kvm);
	close(fd);
	fflush(stdout);
	rc = drop(&lane, &err);
	if (rc < 0) {
		fprintf(stderr, "cannot drop privileges: %s\n", strerror(-rc));
		return 125;
	}
	rc = run(&lane, io, vm, NOBODY);
	if (ukvmm_vm_destroy(vm) < 0 || ukvmm_vm_new(io, "later", image, &c, &vm, &err) < 0 ||
		ukvmm_vm_seal(vm, &err) < 0)
		goto fail;
	rc |= run(&lane, io, vm, NOBODY);
	fflush(stdout);
	_exit(rc); /* the other threads wait for work; what is held goes with the process */
fail:
	fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	return 125;
}
