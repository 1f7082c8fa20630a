/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices of the embedder's and ours: transport in lib/virtio, callbacks on the poller's thread. */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "export.h"
#include "structs.h"

enum { QUEUE_BUDGET = 64, TELL_RESET = 1, TELL_DRIVER_OK = 2 };

/* From the transport, on a vCPU's thread or the poller's, with the device's lock held. */
static void host_interrupt(void *ctx)
{
	struct ukvmm_device *d = ctx;

	vm_gsi_pulse(d->vm, d->gsi);
}

static void host_kick(void *ctx, uint32_t q)
{
	struct ukvmm_device *d = ctx;

	atomic_fetch_or(&d->kicked, 1u << q);
	poller_work(d->vm->poller, d->vm);
}

static void host_driver_ok(void *ctx, uint64_t features)
{
	struct ukvmm_device *d = ctx;

	atomic_store(&d->features, features);
	atomic_fetch_or(&d->tell, TELL_DRIVER_OK);
	poller_work(d->vm->poller, d->vm);
}

static void host_reset(void *ctx)
{
	struct ukvmm_device *d = ctx;

	/* a DRIVER_OK that was not told yet is over */
	atomic_store(&d->tell, TELL_RESET);
	atomic_store(&d->kicked, 0);
	poller_work(d->vm->poller, d->vm);
}

static void host_broken(void *ctx, const char *reason)
{
	struct ukvmm_device *d = ctx;

	(void)reason; /* counted in the transport */
	poller_post(d->vm->poller, d->vm, UKVMM_EV_DEVICE_BROKEN, d->index);
}

static const struct virtio_host device_host = {
	.interrupt = host_interrupt,
	.kick = host_kick,
	.driver_ok = host_driver_ok,
	.reset = host_reset,
	.broken = host_broken,
};

static int add_check(struct ukvmm_vm *vm, const char *name, const struct ukvmm_device_ops *ops,
	struct ukvmm_err *err)
{
	int rc = vm_check_new(vm, "ukvmm_vm_add_device", err);

	if (rc)
		return rc;
	if (!name || !*name || strlen(name) >= sizeof((struct ukvmm_device *)0)->name)
		return err_set(err, -EINVAL, "ukvmm_vm_add_device", vm->name, "a name has 1 to 31 bytes");
	if (!ops->queues || ops->queues > VIRTIO_QUEUES || ops->config_bytes > VIRTIO_CONFIG_BYTES ||
		!ops->queue_ready)
		return err_set(err, -EINVAL, "ukvmm_vm_add_device", name,
			"1 to %d queues, at most %d bytes of config space, and queue_ready are needed", VIRTIO_QUEUES,
			VIRTIO_CONFIG_BYTES);
	for (uint32_t i = 0; i < vm->devices; i++)
		if (!strcmp(vm->device[i]->name, name))
			return err_set(err, -EEXIST, "ukvmm_vm_add_device", name, "the VM has a device of this name");
	if (vm->devices == X86_DEVICES)
		return err_set(err, -ENOSPC, "ukvmm_vm_add_device", name, "at most %d devices", X86_DEVICES);
	return 0;
}

static int add(struct ukvmm_vm *vm, const char *name, const struct ukvmm_device_ops *ops, void *ctx,
	struct ukvmm_device **out, struct ukvmm_err *err)
{
	struct ukvmm_device *d;
	int rc = add_check(vm, name, ops, err);

	if (rc)
		return rc;
	d = calloc(1, sizeof *d);
	if (!d)
		return err_set(err, -ENOMEM, "calloc", name, "out of memory");
	d->vm = vm;
	d->index = vm->devices;
	d->ops = *ops;
	d->ctx = ctx;
	snprintf(d->name, sizeof d->name, "%s", name);
	rc = vm_gsi_take(vm, &d->gsi);
	if (!rc)
		rc = virtio_dev_new(&d->virtio,
			&(struct virtio_config){ .virtio_id = ops->virtio_id, .queues = ops->queues,
				.config_bytes = ops->config_bytes, .features = ops->features, .mem = &vm->ram,
				.host = &device_host, .ctx = d });
	if (rc) {
		free(d);
		return err_set(err, rc, "ukvmm_vm_add_device", name, "%s", strerror(-rc));
	}
	vm->device[vm->devices++] = d;
	*out = d;
	return 0;
}

UKVMM_API int ukvmm_vm_add_device(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_device_ops *ops,
	void *ctx, struct ukvmm_device **out, struct ukvmm_err *err)
{
	struct ukvmm_device_ops o;
	int rc = struct_take(&o, sizeof o, ops);

	*out = NULL;
	if (rc)
		err_set(err, rc, "ukvmm_vm_add_device", dev ? dev : vm->name, "bad ukvmm_device_ops");
	else
		rc = add(vm, dev, &o, ctx, out, err);
	if (rc && o.destroy)
		o.destroy(ctx);
	return rc;
}

struct ukvmm_device *device_at(struct ukvmm_vm *vm, uint64_t gpa)
{
	uint64_t i = (gpa - X86_VIRTIO_BASE) / X86_VIRTIO_STRIDE;

	return gpa >= X86_VIRTIO_BASE && i < vm->devices ? vm->device[i] : NULL;
}

void devices_free(struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < vm->devices; i++) {
		struct ukvmm_device *d = vm->device[i];

		poller_unwatch_all(vm->poller, d);
		if (d->ops.destroy)
			d->ops.destroy(d->ctx);
		virtio_dev_free(d->virtio);
		free(d);
	}
	vm->devices = 0;
}

/* A reset that is told may set free what waited for it, a DRIVER_OK or another reset: until nothing is left. A
 * guest that resets without end gets its turns like everybody. */
static void tell(struct ukvmm_device *d)
{
	enum { TURNS = 3 };

	for (int i = 0; i < TURNS; i++) {
		unsigned what = atomic_exchange(&d->tell, 0);

		if (!what)
			return;
		if (what & TELL_RESET) {
			if (d->ops.reset)
				d->ops.reset(d->ctx);
			virtio_dev_reset_done(d->virtio);
		}
		if (what & TELL_DRIVER_OK && d->ops.driver_ok)
			d->ops.driver_ok(d->ctx, atomic_load(&d->features));
	}
	poller_work(d->vm->poller, d->vm);
}

static void serve_queues(struct ukvmm_device *d, unsigned kicked)
{
	for (uint32_t q = 0; kicked >> q; q++) {
		struct ukvmm_queue *queue = virtio_dev_queue(d->virtio, q);
		uint64_t before = virtio_queue_popped(queue);

		if (!(kicked >> q & 1))
			continue;
		d->ops.queue_ready(d->ctx, q, QUEUE_BUDGET);
		/* it stopped because of us: another turn, after the others */
		if (virtio_queue_popped(queue) - before >= QUEUE_BUDGET)
			host_kick(d, q);
	}
}

void devices_work(struct ukvmm_vm *vm)
{
	/* while pausing, kicks wait for the resume */
	bool serve = !(atomic_load(&vm->ctl) & CTL_PAUSE);

	for (uint32_t i = 0; i < vm->devices; i++) {
		struct ukvmm_device *d = vm->device[i];
		/* before what is told: a queue must not be served ahead of the DRIVER_OK that made it live */
		unsigned kicked = serve ? atomic_exchange(&d->kicked, 0) : 0;

		tell(d);
		serve_queues(d, kicked);
	}
}

bool devices_quiesce(struct ukvmm_vm *vm)
{
	bool all = true;

	for (uint32_t i = 0; i < vm->devices; i++) {
		struct ukvmm_device *d = vm->device[i];

		tell(d); /* the vCPUs are out: nothing new comes, and what is told is nobody's to save */
		if (!d->quiescing) {
			d->quiescing = true;
			atomic_store(&d->quiet, false);
			if (!d->ops.quiesce || d->ops.quiesce(d->ctx) == 1)
				atomic_store(&d->quiet, true);
		}
		all = all && atomic_load(&d->quiet);
	}
	for (uint32_t i = 0; all && i < vm->devices; i++)
		vm->device[i]->quiescing = false;
	return all;
}

UKVMM_API void ukvmm_device_quiet(struct ukvmm_device *dev)
{
	atomic_store(&dev->quiet, true);
	poller_work(dev->vm->poller, dev->vm);
}

UKVMM_API int ukvmm_device_config(struct ukvmm_device *dev, uint32_t offset, const void *bytes, uint32_t len)
{
	return virtio_dev_set_config(dev->virtio, offset, bytes, len);
}

UKVMM_API int ukvmm_device_watch(struct ukvmm_device *dev, int fd, uint32_t epoll_events, uint64_t tag)
{
	if (epoll_events && !dev->ops.fd_ready)
		return -EINVAL;
	return poller_watch(dev->vm->poller, dev, fd, epoll_events, tag);
}

UKVMM_API struct ukvmm_queue *ukvmm_device_queue(struct ukvmm_device *dev, uint32_t q)
{
	return virtio_dev_queue(dev->virtio, q);
}

static int device_walk(struct ukvmm_device *d, struct ukvmm_state *s, struct ukvmm_err *err)
{
	uint32_t version = d->ops.version ? d->ops.version : 1;
	int rc;

	if (!d->ops.save || !d->ops.load)
		return err_set(err, state_fail(s, -ENOTSUP), "save", d->name, "the device has no save and load");
	rc = virtio_dev_walk(d->virtio, s);
	if (!rc)
		rc = state_begin(s, d->name, &version);
	if (!rc)
		rc = s->loading ? d->ops.load(d->ctx, s, version) : d->ops.save(d->ctx, s);
	rc = rc ? state_fail(s, rc) : state_end(s);
	return rc ? err_set(err, rc, s->loading ? "load" : "save", d->name, "section \"%s\": %s", s->section,
			    strerror(-rc)) :
		    0;
}

int devices_walk(struct ukvmm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < vm->devices; i++)
		rc = device_walk(vm->device[i], s, err);
	return rc;
}
