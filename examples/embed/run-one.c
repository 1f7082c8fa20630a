/* SPDX-License-Identifier: Apache-2.0 */
/* One image to completion: deadline, captured output, status. usage: run-one IMAGE */
#include <ukvmm/run.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cost.h"

static int status_of(const struct ukvmm_stop *stop)
{
	if (stop->reason == UKVMM_STOP_DEADLINE)
		return 124;
	return stop->reason == UKVMM_STOP_POWEROFF ? (int)stop->value : 125;
}

int main(int argc, char **argv)
{
	struct ukvmm_host *host = NULL;
	struct ukvmm_poller *poller = NULL;
	struct ukvmm_image *image = NULL;
	struct ukvmm_vm *vm = NULL;
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm_config cfg = { .size = sizeof cfg, .memory = 64u << 20 };
	struct ukvmm_stop stop = { .size = sizeof stop };
	static char out[65536];
	struct ukvmm_capture cap = { .size = sizeof cap, .buf = out, .len = sizeof out };
	int rc, fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if ((rc = ukvmm_host_open(&host, -1, NULL, &err)) < 0 ||
		(rc = ukvmm_poller_new(host, &poller, &err)) < 0 ||
		(rc = ukvmm_image_open(host, fd, -1, NULL, &image, &err)) < 0 ||
		(rc = ukvmm_vm_new(poller, "job", image, &cfg, &vm, &err)) < 0 ||
		(rc = ukvmm_vm_seal(vm, &err)) < 0 ||
		(rc = ukvmm_vm_run(vm, ukvmm_now() + 5000000000u, &cap, &stop, &err)) < 0)
		fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	else
		rc = status_of(&stop);
	fwrite(out, 1, cap.used, stdout);
	cost_print("after the run", 1);
	ukvmm_vm_destroy(vm);
	ukvmm_image_unref(image);
	ukvmm_poller_free(poller);
	ukvmm_host_close(host);
	if (fd >= 0)
		close(fd);
	return rc < 0 ? 125 : rc;
}
