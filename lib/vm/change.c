/* SPDX-License-Identifier: Apache-2.0 */
/* What may change in a device of ours after it was added: its limits, and the fd behind it. */
#include "vm.h"

#include <errno.h>
#include <string.h>

#include "devices.h"
#include "err.h"
#include "export.h"
#include "structs.h"
#include "vm_hvt.h"

static struct ukvmm_device *named(struct ukvmm_vm *vm, const char *dev, const char *call, struct ukvmm_err *err)
{
	struct ukvmm_device *d = dev ? device_named(vm, dev) : NULL;

	if (!d)
		err_set(err, -ENODEV, call, dev ? dev : vm->name, "%s has no device of this name", vm->name);
	return d;
}

static int rate_set(struct ukvmm_device *d, uint32_t direction, const struct ukvmm_rate *rate)
{
	switch (d->kind) {
	case DEVICE_NET:
		return virtio_net_rate(d->ctx, direction, rate);
	case DEVICE_BLK:
		return direction == UKVMM_RATE_ALL ? virtio_blk_rate(d->ctx, rate) : -EINVAL;
	case DEVICE_RNG:
		return direction == UKVMM_RATE_ALL ? virtio_rng_rate(d->ctx, rate) : -EINVAL;
	default:
		return -EINVAL;
	}
}

UKVMM_API int ukvmm_vm_set_rate(struct ukvmm_vm *vm, const char *dev, uint32_t direction,
	const struct ukvmm_rate *rate, struct ukvmm_err *err)
{
	bool hvt = vm_is_hvt(vm) && dev;
	struct ukvmm_device *d = hvt ? NULL : named(vm, dev, "ukvmm_vm_set_rate", err);
	struct ukvmm_rate r;
	int rc;

	if (!d && !hvt)
		return -ENODEV;
	rc = rate_struct_take(&r, rate);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_set_rate", dev, "bad ukvmm_rate");
	rc = d ? rate_set(d, direction, &r) : vm_hvt_rate(vm, dev, direction, &r);
	return rc ? err_set(err, rc, "ukvmm_vm_set_rate", dev, "%s", rc == -ENODEV ? "no device of this name" :
			    "the device has no such limit") : 0;
}

static int rebind(struct ukvmm_device *d, int fd)
{
	switch (d->kind) {
	case DEVICE_NET:
		return virtio_net_rebind(d->ctx, fd);
	case DEVICE_BLK:
		return virtio_blk_rebind(d->ctx, fd);
	default:
		return -EINVAL;
	}
}

/* Callbacks do not run before seal nor in a pause, and none is under way: the pause waited for that. */
static bool quiet(struct ukvmm_vm *vm)
{
	bool is;

	pthread_mutex_lock(&vm->lock);
	is = vm->state == VM_NEW || vm->state == VM_PAUSED;
	pthread_mutex_unlock(&vm->lock);
	return is;
}

UKVMM_API int ukvmm_vm_rebind(struct ukvmm_vm *vm, const char *dev, int fd, struct ukvmm_err *err)
{
	struct ukvmm_device *d = vm_is_hvt(vm) ? NULL : named(vm, dev, "ukvmm_vm_rebind", err);
	int rc;

	if (!d && !(vm_is_hvt(vm) && dev))
		return -ENODEV;
	if (!quiet(vm))
		return err_set(err, -EBADFD, "ukvmm_vm_rebind", dev, "%s is neither paused nor unsealed", vm->name);
	rc = d ? rebind(d, fd) : vm_hvt_rebind(vm, dev, fd);
	return rc ? err_set(err, rc, "ukvmm_vm_rebind", dev, "fd %d: %s", fd, strerror(-rc)) : 0;
}
