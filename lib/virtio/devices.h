/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front ends: each is a context and a ukvmm_device_ops, a user of ukvmm/device.h like any embedder's. The life
 * of one: *_new (takes over the back end, also on failure), ukvmm_vm_add_device(ops, context) whose destroy frees
 * it, then *_attach with the device that add returned, which starts watching.
 */
#ifndef VIRTIO_DEVICES_H
#define VIRTIO_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#include <ukvmm/device.h>
#include <ukvmm/devices.h>

#include "block.h"
#include "net.h"

struct front_stats { /* bytes of payload and requests that have passed; any thread reads */
	uint64_t in_bytes, in_ops; /* net: received by the guest; blk: read */
	uint64_t out_bytes, out_ops; /* net: sent; blk: written */
	uint64_t in_dropped, out_dropped; /* net: frames that were lost here */
	uint64_t errors; /* blk: operations that the host's side failed; the guest was told each */
};

struct virtio_net; /* net */
int virtio_net_new(struct virtio_net **out, struct net_backend *backend, const struct ukvmm_net_config *config);
/* Fills in ops for what the back end can do. */
void virtio_net_ops(const struct virtio_net *n, struct ukvmm_device_ops *ops);
int virtio_net_attach(struct virtio_net *n, struct ukvmm_device *dev);
/* direction: UKVMM_RATE_RX, _TX (-EINVAL others). Any thread. */
int virtio_net_rate(struct virtio_net *n, uint32_t direction, const struct ukvmm_rate *rate);
int virtio_net_rebind(struct virtio_net *n, int fd); /* paused or before seal */
uint32_t virtio_net_fds(const struct virtio_net *n); /* of its back end */
void virtio_net_stats(const struct virtio_net *n, struct front_stats *s);

struct virtio_blk; /* blk */
int virtio_blk_new(struct virtio_blk **out, struct block_backend *backend, struct block_engine *engine,
	const char *serial, const struct ukvmm_blk_config *config);
void virtio_blk_ops(const struct virtio_blk *b, struct ukvmm_device_ops *ops);
int virtio_blk_attach(struct virtio_blk *b, struct ukvmm_device *dev);
int virtio_blk_rate(struct virtio_blk *b, const struct ukvmm_rate *rate);
int virtio_blk_rebind(struct virtio_blk *b, int fd);
uint32_t virtio_blk_fds(const struct virtio_blk *b);
void virtio_blk_stats(const struct virtio_blk *b, struct front_stats *s);

struct virtio_console; /* console */
/* The host's side is handed in: output is given away (dropped there if it does not fit), input is asked for. */
struct virtio_console_host {
	void (*output)(void *ctx, const void *bytes, size_t len);
	size_t (*input)(void *ctx, void *bytes, size_t len); /* what waits, up to len; ukvmm_device_wake says there is some */
};
int virtio_console_new(struct virtio_console **out, const struct virtio_console_host *host, void *ctx,
	uint32_t cols, uint32_t rows);
void virtio_console_ops(const struct virtio_console *c, struct ukvmm_device_ops *ops);
int virtio_console_attach(struct virtio_console *c, struct ukvmm_device *dev);
void virtio_console_resize(struct virtio_console *c, uint32_t cols, uint32_t rows); /* any thread */

struct virtio_rng; /* rng */
int virtio_rng_new(struct virtio_rng **out, const struct ukvmm_rate *rate);
void virtio_rng_ops(const struct virtio_rng *r, struct ukvmm_device_ops *ops);
int virtio_rng_attach(struct virtio_rng *r, struct ukvmm_device *dev);
int virtio_rng_rate(struct virtio_rng *r, const struct ukvmm_rate *rate);

struct virtio_vsock; /* vsock */
int virtio_vsock_new(struct virtio_vsock **out, const struct ukvmm_vsock_config *config, const char *object,
	struct ukvmm_err *err);
void virtio_vsock_ops(const struct virtio_vsock *v, struct ukvmm_device_ops *ops);
int virtio_vsock_attach(struct virtio_vsock *v, struct ukvmm_device *dev);
/* How many file descriptors it holds. Any thread. */
uint32_t virtio_vsock_fds(const struct virtio_vsock *v);
/* ukvmm_vm_connect: takes over `fd`, our end of a socketpair, also on failure. -EAGAIN: too many streams. Any thread. */
int virtio_vsock_connect(struct virtio_vsock *v, uint32_t port, int fd);

#endif
