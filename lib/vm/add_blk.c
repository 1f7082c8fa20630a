/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: from a config to a back end, a front end and a device. */
#include "vm.h"

#include <errno.h>
#include <string.h>

#include "block.h"
#include "devices.h"
#include "err.h"
#include "export.h"
#include "structs.h"
#include "vm_hvt.h"

static const char call[] = "ukvmm_vm_add_blk";

enum { BLOCK_BYTES_MAX = 32768 };

enum { TOPS = UKVMM_BLK_OVERLAY | UKVMM_BLK_OVERLAY_FILE,
       FLAGS = UKVMM_BLK_READ_ONLY | TOPS | UKVMM_BLK_WRITETHROUGH | UKVMM_BLK_URING };

static int config_check(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *c, struct ukvmm_err *err)
{
	uint32_t top = c->flags & TOPS;

	if (vm->state != VM_NEW)
		return vm_check_new(vm, call, err);
	if (c->flags & ~(uint32_t)FLAGS)
		return err_set(err, -EINVAL, call, dev, "unknown flag in ukvmm_blk_config");
	if (c->reserved || c->block_bytes & (c->block_bytes - 1) || (c->block_bytes && c->block_bytes < BLOCK_SECTOR) ||
		c->block_bytes > BLOCK_BYTES_MAX)
		return err_set(err, -EINVAL, call, dev, "a block is a power of two, 512 to 32768 bytes, not %u",
			c->block_bytes);
	if (c->block_bytes > BLOCK_SECTOR && !vm_is_hvt(vm))
		return err_set(err, -ENOTSUP, call, dev, "blocks of other than 512 bytes are for Solo5 guests");
	if (top == TOPS || (top && c->flags & UKVMM_BLK_READ_ONLY))
		return err_set(err, -EINVAL, call, dev, "READ_ONLY, OVERLAY and OVERLAY_FILE exclude each other");
	return 0;
}

/* Takes struct copies, so that what is checked is what is used. */
static int config_take(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *from,
	struct ukvmm_blk_config *c, struct ukvmm_rate *rate, struct ukvmm_err *err)
{
	int rc = struct_take(c, sizeof *c, from);

	if (!rc && c->rate) {
		rc = struct_take(rate, sizeof *rate, c->rate);
		c->rate = rate;
		if (!rc && rate->flags)
			rc = -EINVAL;
	}
	if (rc || !from)
		return err_set(err, rc ? rc : -EINVAL, call, dev, "bad ukvmm_blk_config");
	return config_check(vm, dev, c, err);
}

static int backend_open(const char *dev, const struct ukvmm_blk_config *c, struct block_backend **out,
	struct ukvmm_err *err)
{
	struct block_backend *raw;
	int rc = block_raw(&raw, c->fd, c->flags & (TOPS | UKVMM_BLK_READ_ONLY), dev, err);

	if (rc)
		return rc;
	if (c->flags & UKVMM_BLK_OVERLAY_FILE && c->top_fd < 0) {
		raw->ops->close(raw);
		return err_set(err, -EBADF, call, dev, "OVERLAY_FILE without a top_fd");
	}
	*out = raw;
	if (!(c->flags & TOPS))
		return 0;
	return block_overlay(out, raw, c->flags & UKVMM_BLK_OVERLAY_FILE ? c->top_fd : -1, dev, err);
}

static int engine_choose(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *c,
	struct block_engine **out, struct ukvmm_err *err)
{
	struct uring *ring;
	int rc;

	*out = &vm->host->threads.engine;
	if (!(c->flags & UKVMM_BLK_URING))
		return 0;
	rc = host_ring(vm->host, &ring, err);
	if (rc)
		return rc;
	rc = poller_ring(vm->poller, ring);
	if (rc)
		return err_set(err, rc, "epoll_ctl", dev, "%s", strerror(-rc));
	*out = uring_engine(ring);
	return 0;
}

static int add(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *c, struct ukvmm_err *err)
{
	struct block_backend *backend;
	struct block_engine *engine;
	struct ukvmm_device_ops ops;
	struct ukvmm_device *device;
	struct virtio_blk *blk;
	int rc = engine_choose(vm, dev, c, &engine, err);

	if (!rc)
		rc = backend_open(dev, c, &backend, err);
	if (rc)
		return rc;
	rc = virtio_blk_new(&blk, backend, engine, c->serial ? c->serial : dev, c);
	if (rc)
		return err_set(err, rc, call, dev, "%s", strerror(-rc));
	virtio_blk_ops(blk, &ops);
	rc = ukvmm_vm_add_device(vm, dev, &ops, blk, &device, err);
	if (rc)
		return rc;
	device->kind = DEVICE_BLK;
	rc = virtio_blk_attach(blk, device);
	return rc ? err_set(err, rc, call, dev, "%s", strerror(-rc)) : 0;
}

static int hvt_add(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *c, struct ukvmm_err *err)
{
	struct block_backend *backend;
	uint32_t handle;
	int rc = vm_hvt_handle(vm, dev, BOOT_HVT_BLOCK, call, &handle, err);

	if (!rc && c->flags & UKVMM_BLK_URING)
		rc = err_set(err, -ENOTSUP, call, dev, "a Solo5 guest's disk does not go through io_uring");
	if (!rc)
		rc = backend_open(dev, c, &backend, err);
	if (rc)
		return rc;
	rc = vm_hvt_add_blk(vm, handle, backend, c);
	return rc ? err_set(err, rc, call, dev, rc == -EINVAL ? "it does not hold whole blocks of %u bytes" : "%u: %s",
			    c->block_bytes, strerror(-rc)) : 0;
}

UKVMM_API int ukvmm_vm_add_blk(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *config,
	struct ukvmm_err *err)
{
	struct ukvmm_blk_config c;
	struct ukvmm_rate rate;
	int rc;

	if (!dev)
		return err_set(err, -EINVAL, call, vm->name, "a device needs a name");
	rc = config_take(vm, dev, config, &c, &rate, err);
	if (rc)
		return rc;
	return vm_is_hvt(vm) ? hvt_add(vm, dev, &c, err) : add(vm, dev, &c, err);
}
