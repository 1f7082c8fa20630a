/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of the embedder's: a virtio device with one queue that answers key lookups. A request is a key in
 * the readable part, the answer 256 bytes. usage: own-device IMAGE (a guest that drives virtio device 63)
 */
#include <ukvmm/device.h>
#include <ukvmm/run.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cost.h"

struct kv {
	struct ukvmm_device *dev;
	uint64_t served;
};

static void kv_queue(void *ctx, uint32_t q, uint32_t budget)
{
	struct kv *kv = ctx;
	struct ukvmm_queue *vq = ukvmm_device_queue(kv->dev, q);
	struct ukvmm_chain *c;
	char key[64], val[256];

	while (budget-- && (c = ukvmm_queue_pop(vq))) {
		int64_t n = ukvmm_chain_read(c, key, sizeof key);

		memset(val, 0, sizeof val);
		if (n > 0)
			snprintf(val, sizeof val, "value of %.*s", (int)n, key);
		ukvmm_chain_write(c, val, sizeof val); /* short if the guest gave less room */
		ukvmm_queue_push(vq, c);
		kv->served++;
	}
	ukvmm_queue_notify(vq);
}

static void kv_reset(void *ctx)
{
	((struct kv *)ctx)->served = 0;
}

static int kv_quiesce(void *ctx)
{
	(void)ctx;
	return 1;
}

static int kv_state(void *ctx, struct ukvmm_state *s)
{
	return ukvmm_state_bytes(s, &((struct kv *)ctx)->served, 8);
}

static int kv_load(void *ctx, struct ukvmm_state *s, uint32_t version)
{
	return version == 1 ? kv_state(ctx, s) : -1;
}

static void kv_destroy(void *ctx)
{
	printf("kv: served %llu requests\n", (unsigned long long)((struct kv *)ctx)->served);
	free(ctx);
}

static int kv_add(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	static const struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 63, .queues = 1,
		.queue_ready = kv_queue, .reset = kv_reset, .quiesce = kv_quiesce,
		.save = kv_state, .load = kv_load, .destroy = kv_destroy };
	struct kv *kv = calloc(1, sizeof *kv);

	return kv ? ukvmm_vm_add_device(vm, "kv0", &ops, kv, &kv->dev, err) : -1;
}

int main(int argc, char **argv)
{
	struct ukvmm_host *host = NULL;
	struct ukvmm_poller *poller = NULL;
	struct ukvmm_image *image = NULL;
	struct ukvmm_vm *vm = NULL;
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_stop stop = { .size = sizeof stop };
	static char out[65536];
	struct ukvmm_capture cap = { .size = sizeof cap, .buf = out, .len = sizeof out };
	int rc, fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

	if ((rc = ukvmm_host_open(&host, -1, NULL, &err)) < 0 ||
		(rc = ukvmm_poller_new(host, &poller, &err)) < 0 ||
		(rc = ukvmm_image_open(host, fd, -1, NULL, &image, &err)) < 0 ||
		(rc = ukvmm_vm_new(poller, "with-kv", image, NULL, &vm, &err)) < 0 ||
		(rc = kv_add(vm, &err)) < 0 || (rc = ukvmm_vm_seal(vm, &err)) < 0 ||
		(rc = ukvmm_vm_run(vm, ukvmm_now() + 20000000000u, &cap, &stop, &err)) < 0)
		fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	else
		rc = stop.reason == UKVMM_STOP_POWEROFF ? (int)stop.value : 125;
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
