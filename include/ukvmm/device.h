/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For authors of virtio devices. A device is a table of callbacks and a context; the library owns the
 * transport (virtio-mmio, virtio 1.2 section 4.2), the split queues and every access to guest memory.
 *
 * Callbacks run on the thread that is inside ukvmm_poller_run for the VM's poller, one at a time per
 * device, with no lock of the library held. Exceptions: save, load run while the VM is paused (the library's own tests
 * do that; no public call saves a VM yet); destroy runs inside ukvmm_vm_destroy, or inside a failing
 * ukvmm_vm_add_device; and with
 * UKVMM_DEVICE_INLINE, below. "Callback thread" means: inside a callback of this device.
 */
#ifndef UKVMM_DEVICE_H
#define UKVMM_DEVICE_H

#include "ukvmm.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ukvmm_device;
struct ukvmm_queue;
struct ukvmm_chain;
struct ukvmm_state;

/*
 * queue_ready may also run on the vCPU thread that kicked, inside its ukvmm_vcpu_run, still one callback at
 * a time per device: no change of threads between a kick and its answer. For devices that never block. Not once a
 * vCPU thread has entered a sandbox without UKVMM_MAY_SERVE; where it has that, the callback makes no other system
 * calls than the library's own devices do.
 */
#define UKVMM_DEVICE_INLINE 1u

/*
 * virtio_id     device type (virtio 1.2 section 5); queues: 1 to 8; config_bytes: size of the config
 *               space, at most 256.
 * features      offered device-type bits 0-23 and 50-63; the transport adds VERSION_1, INDIRECT_DESC, EVENT_IDX.
 * version       of what save writes; 0: 1.
 * config_writable  a bit for each of the first 64 config bytes that the driver may write; writes of others are
 *               ignored. ukvmm_device_config_get tells what it wrote.
 */
struct ukvmm_device_ops {
	uint32_t size, virtio_id, queues, config_bytes;
	uint64_t features;
	uint32_t version, flags; /* UKVMM_DEVICE_* */
	uint64_t config_writable;
	void (*driver_ok)(void *ctx, uint64_t negotiated);
	/* The guest kicked queue q, or the last call used up its budget. Pop at most `budget` chains. */
	void (*queue_ready)(void *ctx, uint32_t q, uint32_t budget);
	void (*fd_ready)(void *ctx, uint64_t tag, uint32_t epoll_events);
	void (*reset)(void *ctx);   /* back to the state after add; no chain survives it */
	int (*quiesce)(void *ctx);  /* 1: quiet, nothing in flight; 0: will call ukvmm_device_quiet() */
	/* One walk for both directions, with ukvmm_state_bytes. save NULL: a VM with it cannot be saved. */
	int (*save)(void *ctx, struct ukvmm_state *state);
	int (*load)(void *ctx, struct ukvmm_state *state, uint32_t version);
	void (*woken)(void *ctx);   /* once or more after ukvmm_device_wake */
	void (*timer)(void *ctx);   /* the time set by ukvmm_device_timer has come; it is unset before */
	/* Last call, exactly once, also when add failed. Chains can still be given back. */
	void (*destroy)(void *ctx);
};

/* Adds a device, before seal. `dev` is unique in the VM (-EEXIST). ops is copied. *out is written before
 * any callback; on failure it is NULL and ctx has been destroyed. */
int ukvmm_vm_add_device(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_device_ops *ops, void *ctx,
	struct ukvmm_device **out, struct ukvmm_err *err);

/* Replaces [offset, offset + len) of the config space and tells the driver. Callback thread or before seal. */
int ukvmm_device_config(struct ukvmm_device *dev, uint32_t offset, const void *bytes, uint32_t len);

/* Copies out [offset, offset + len) of the config space as the driver sees it. -EINVAL: outside. Any thread. */
int ukvmm_device_config_get(struct ukvmm_device *dev, uint32_t offset, void *bytes, uint32_t len);

/* Has `woken` called soon on the callback thread. Any thread, until the device's destroy has begun; several
 * calls may be answered by one. */
void ukvmm_device_wake(struct ukvmm_device *dev);

/* Has `timer` called at that time (CLOCK_MONOTONIC ns, ukvmm_now), or not at all (0). One time per device.
 * Callback thread. A device's own timer is not saved: load sets it again. */
void ukvmm_device_timer(struct ukvmm_device *dev, uint64_t at);

/* Calls fd_ready with `tag` when fd has `epoll_events` (level-triggered unless EPOLLET is among them); 0: no longer. fd is
 * borrowed until then. Callback thread or before seal. */
int ukvmm_device_watch(struct ukvmm_device *dev, int fd, uint32_t epoll_events, uint64_t tag);

/* Ends a quiesce that returned 0. Any thread. */
void ukvmm_device_quiet(struct ukvmm_device *dev);

/* Queue q of the device, valid until its destroy; NULL: q is not below ops.queues. Any thread. */
struct ukvmm_queue *ukvmm_device_queue(struct ukvmm_device *dev, uint32_t q);

/* The next chain of buffers, checked whole; NULL: none, or the driver broke the protocol (the device
 * then needs a reset, the VM lives on, the reason is counted). Valid until pushed or the device's reset. Callback thread. */
struct ukvmm_chain *ukvmm_queue_pop(struct ukvmm_queue *queue);

/* Copies from the device-readable, to the device-writable part, from where the last call ended. Short at
 * the end of it; 0 when nothing is left. Never a pointer into guest memory. Callback thread. */
int64_t ukvmm_chain_read(struct ukvmm_chain *chain, void *dst, size_t len);
int64_t ukvmm_chain_write(struct ukvmm_chain *chain, const void *src, size_t len);

/* Leaves out up to `len` bytes of the device-writable part, for a status byte at its end: how many. They are not
 * counted as written, and keep what is in them. Callback thread. */
int64_t ukvmm_chain_skip(struct ukvmm_chain *chain, uint64_t len);

/* How many bytes are left to read, to write. Callback thread. */
uint64_t ukvmm_chain_readable(const struct ukvmm_chain *chain);
uint64_t ukvmm_chain_writable(const struct ukvmm_chain *chain);

/* Gives the chain back to the driver, with the count of bytes written, and frees it. Callback thread. */
void ukvmm_queue_push(struct ukvmm_queue *queue, struct ukvmm_chain *chain);

/* Interrupts the guest if it wants to know of what was pushed. Any thread. */
void ukvmm_queue_notify(struct ukvmm_queue *queue);

/* Saves or loads `len` bytes at `p`, whichever the walk is doing; of save and load only. 0, or -EINVAL when a load has
 * fewer. */
int ukvmm_state_bytes(struct ukvmm_state *state, void *p, size_t len);

#ifdef __cplusplus
}
#endif
#endif
