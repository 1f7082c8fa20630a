/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acquire, seal, drop, run; and still make VMs afterwards, from shells made ahead. Start it as root.
 * usage: drop-privileges IMAGE
 *
 * The library adds no system call filter here: the per-thread filter comes with ukvmm/sandbox.h.
 */
#include <ukvmm/run.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cost.h"

enum { NOBODY = 65534 };

static int drop(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		return -errno;
	/* from here on neither /dev/kvm nor a root of ours can be had back */
	return setuid(0) == 0 || getuid() != NOBODY ? -EPERM : 0;
}

static int run(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	struct ukvmm_stop stop = { .size = sizeof stop };
	static char out[65536];
	struct ukvmm_capture cap = { .size = sizeof cap, .buf = out, .len = sizeof out };
	int rc = ukvmm_vm_run(vm, ukvmm_now() + 5000000000u, &cap, &stop, err);

	if (rc < 0)
		return rc;
	printf("uid %u: ", (unsigned)getuid());
	fwrite(out, 1, cap.used, stdout);
	return stop.reason == UKVMM_STOP_POWEROFF ? (int)stop.value : 125;
}

int main(int argc, char **argv)
{
	struct ukvmm_host *host = NULL;
	struct ukvmm_poller *io = NULL;
	struct ukvmm_image *image = NULL;
	struct ukvmm_vm *vm = NULL;
	struct ukvmm_err err = { .size = sizeof err };
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16u << 20 };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1, rc;

	if ((rc = ukvmm_host_open(&host, kvm, NULL, &err)) < 0 || (rc = ukvmm_poller_new(host, &io, &err)) < 0 ||
		(rc = ukvmm_image_open(host, fd, -1, NULL, &image, &err)) < 0 ||
		(rc = ukvmm_vm_new(io, "first", image, &c, &vm, &err)) < 0 || (rc = ukvmm_vm_seal(vm, &err)) < 0 ||
		(rc = ukvmm_host_prepare(host, &c, 4, &err)) < 0)
		goto fail;
	printf("fds of a sealed VM: %d\n", ukvmm_vm_fds(vm));
	close(kvm);
	close(fd);
	if ((rc = drop()) < 0) {
		fprintf(stderr, "cannot drop privileges: %s\n", strerror(-rc));
		goto out;
	}
	if ((rc = run(vm, &err)) < 0)
		goto fail;
	ukvmm_vm_destroy(vm);
	vm = NULL;
	if ((rc = ukvmm_vm_new(io, "later", image, &c, &vm, &err)) < 0 || (rc = ukvmm_vm_seal(vm, &err)) < 0 ||
		(rc = run(vm, &err)) < 0)
		goto fail;
	cost_print("after two runs", 1);
	goto out;
fail:
	fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
out:
	ukvmm_vm_destroy(vm);
	ukvmm_image_unref(image);
	ukvmm_poller_free(io);
	ukvmm_host_close(host);
	return rc < 0 ? 125 : rc;
}
