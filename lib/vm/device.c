/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices of the embedder's and ours: making them, and what they may ask for. */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "export.h"
#include "fd.h"
#include "structs.h"
#include "vm_hvt.h"

struct ukvmm_device *device_named(struct ukvmm_vm *vm, const char *name)
{
	for (uint32_t i = 0; i < vm->devices; i++)
		if (!strcmp(vm->device[i]->name, name))
			return vm->device[i];
	return NULL;
}

struct ukvmm_device *device_of_kind(struct ukvmm_vm *vm, enum device_kind kind)
{
	for (uint32_t i = 0; i < vm->devices; i++)
		if (vm->device[i]->kind == kind)
			return vm->device[i];
	return NULL;
}

static int add_check(struct ukvmm_vm *vm, const char *name, const struct ukvmm_device_ops *ops,
	struct ukvmm_err *err)
{
	int rc = vm_check_new(vm, "ukvmm_vm_add_device", err);

	if (rc)
		return rc;
	if (vm_is_hvt(vm))
		return err_set(err, -ENOTSUP, "ukvmm_vm_add_device", name ? name : vm->name,
			"a Solo5 hvt guest knows the disks and network cards of its manifest only");
	if (!name || !*name || strlen(name) >= sizeof((struct ukvmm_device *)0)->name)
		return err_set(err, -EINVAL, "ukvmm_vm_add_device", vm->name, "a name has 1 to 31 bytes");
	if (!ops->queues || ops->queues > VIRTIO_QUEUES || ops->config_bytes > VIRTIO_CONFIG_BYTES ||
		!ops->queue_ready || ops->flags & ~UKVMM_DEVICE_INLINE)
		return err_set(err, -EINVAL, "ukvmm_vm_add_device", name,
			"1 to %d queues, at most %d bytes of config space, queue_ready and known flags are needed", VIRTIO_QUEUES,
			VIRTIO_CONFIG_BYTES);
	if (device_named(vm, name))
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
	d->kick_fd = -1;
	d->timer.owner = vm;
	d->timer.fire = device_timer_fire;
	snprintf(d->name, sizeof d->name, "%s", name);
	rc = vm_gsi_take(vm, &d->gsi);
	if (!rc)
		rc = poller_reserve(vm->poller);
	if (!rc)
		rc = virtio_dev_new(&d->virtio,
			&(struct virtio_config){ .virtio_id = ops->virtio_id, .queues = ops->queues,
				.config_bytes = ops->config_bytes, .features = ops->features, .config_writable = ops->config_writable, .mem = &vm->ram,
				.host = &device_host, .ctx = d });
	if (rc) {
		free(d);
		return err_set(err, rc, "ukvmm_vm_add_device", name, "%s", strerror(-rc));
	}
	pthread_mutex_init(&d->turn, NULL);
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
		fd_close(d->kick_fd);
		pthread_mutex_destroy(&d->turn);
		free(d);
	}
	vm->devices = 0;
}

UKVMM_API int ukvmm_device_config(struct ukvmm_device *dev, uint32_t offset, const void *bytes, uint32_t len)
{
	return virtio_dev_set_config(dev->virtio, offset, bytes, len);
}

UKVMM_API int ukvmm_device_config_get(struct ukvmm_device *dev, uint32_t offset, void *bytes, uint32_t len)
{
	return virtio_dev_get_config(dev->virtio, offset, bytes, len);
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
