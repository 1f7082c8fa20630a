/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's own virtio devices. Each is added before seal, under a name that is unique in its VM; up to
 * 16 devices a VM, those of device.h included. Included by ukvmm.h.
 *
 * A Solo5 hvt guest (UKVMM_BOOT_HVT) has no virtio: net and blk are attached to the device of that name in its
 * manifest, -ENODEV if there is none, and ukvmm_vm_seal is -ENODEV unless all are; -ENOTSUP: any other device, URING.
 * They are served on the vCPU's thread, disks in steps of 256 KiB, between which a kick, pause or stop is heard.
 */
#ifndef UKVMM_DEVICES_H
#define UKVMM_DEVICES_H

#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ukvmm_vm;

/*
 * A token bucket each for bytes and operations (frames, requests): `*_per_s` are the refill, 0: no limit;
 * `*_burst` is what may pass at once after silence, 0: a tenth of a second's worth, at least one operation of
 * any size. What exceeds a limit waits; nothing is dropped because of it.
 */
struct ukvmm_rate {
	uint32_t size, flags;
	uint64_t bytes_per_s, bytes_burst;
	uint64_t ops_per_s, ops_burst;
};

/* ---- net (virtio 1.2 section 5.1) ---- */

#define UKVMM_NET_NONE 0u   /* a link that is up, and nobody there */
#define UKVMM_NET_TAP 1u    /* fd: a tap opened with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR; or, with fd -1, `tap`: its name */
#define UKVMM_NET_STREAM 2u /* fd: a connected AF_UNIX stream, frames behind a 4-byte big-endian length (passt, QEMU) */
#define UKVMM_NET_PACKET 3u /* fd: a connected AF_UNIX SOCK_SEQPACKET or SOCK_DGRAM, a frame a packet: another guest */

/* flags: */
#define UKVMM_NET_ANY_MAC 1u /* the guest may send from other MAC addresses than its own (a bridge) */

/*
 * fd   dup'ed and made non-blocking. -1: none.
 * mac  all zero: a random, locally administered one.
 * mtu  told to the guest (VIRTIO_NET_F_MTU), 68 to 65521; 0: not told.
 * rx   towards the guest; tx: from it.
 */
struct ukvmm_net_config {
	uint32_t size, flags;
	uint32_t kind; /* UKVMM_NET_* */
	int32_t fd;
	const char *tap;
	uint32_t mtu, reserved;
	uint8_t mac[8]; /* the last two are 0 */
	const struct ukvmm_rate *rx, *tx; /* NULL: no limit */
};

/* Adds a network card, before seal. -EINVAL, -EEXIST; or what opening the back end gave, with the object in err. */
int ukvmm_vm_add_net(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_net_config *config,
	struct ukvmm_err *err);

/* ---- blk (section 5.2) ---- */

/* flags: */
#define UKVMM_BLK_READ_ONLY 1u
#define UKVMM_BLK_OVERLAY 2u	  /* fd is only read; writes go to a private top in memory, gone with the VM */
#define UKVMM_BLK_OVERLAY_FILE 4u /* writes go to top_fd, an empty file or an overlay made by this library for this base */
#define UKVMM_BLK_WRITETHROUGH 8u /* a write is answered once it is on the medium; else the guest has a cache to flush */
#define UKVMM_BLK_URING 16u	  /* requests go through the host's io_uring; -ENOTSUP where the kernel has none */

/*
 * fd      a regular file or block device, raw: its content never chooses a format. dup'ed. Its size, less what
 *         does not fill a sector of 512 bytes, is the capacity.
 * serial  what GET_ID answers, at most 20 bytes are told; NULL: the device's name.
 * block_bytes  the size of a block that a Solo5 guest is told, a power of two up to 32768, by which the capacity is
 *         divisible; 0: 512, and nothing else for other guests (-ENOTSUP).
 * Requests that may block run in ukvmm_host_work: without a thread in there they wait.
 */
struct ukvmm_blk_config {
	uint32_t size, flags;
	int32_t fd, top_fd;
	const char *serial;
	const struct ukvmm_rate *rate; /* NULL: no limit */
	uint32_t block_bytes, reserved;
};

/* Adds a disk, before seal. -ENOTBLK: neither a regular file nor a block device; -EBADF: fd not open for what is wanted. */
int ukvmm_vm_add_blk(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_blk_config *config,
	struct ukvmm_err *err);

/* ---- console (section 5.3), rng (5.4) ---- */

/* One port, no multiport; ukvmm_vm_console_read and _write know it as port 1. One per VM. */
struct ukvmm_console_config {
	uint32_t size, flags;
	uint32_t cols, rows; /* 0: not told */
	uint32_t ring_bytes, reserved; /* of output; 0: 64 KiB */
};

/* Adds the console, before seal. -EEXIST: the VM has one. */
int ukvmm_vm_add_console(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_console_config *config,
	struct ukvmm_err *err);
/* Tells the guest that its console changed size. -ENODEV: the VM has no virtio console. Any thread. */
int ukvmm_vm_console_resize(struct ukvmm_vm *vm, uint32_t cols, uint32_t rows);

/* Random bytes from getrandom(2), at most 64 KiB a request. */
struct ukvmm_rng_config {
	uint32_t size, flags;
	const struct ukvmm_rate *rate; /* NULL: no limit */
};

/* Adds a source of random bytes, before seal. */
int ukvmm_vm_add_rng(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_rng_config *config,
	struct ukvmm_err *err);

/* ---- vsock (section 5.10): streams without IP. One per VM. ---- */

/*
 * cid   the guest's context id, 3 to 2^32 - 2; 0: 3. Nothing outside of the VM sees it.
 * path  where the guest's own connects go: one to port P of the host (CID 2) is a connect to the AF_UNIX stream
 *       socket `path`_P. NULL: they are refused. If `listen` is set, `path` itself is bound and listened on:
 *       who connects sends "CONNECT P\n", is answered "OK <port>\n" and is then connected to port P of the guest.
 * For a process without a file system, instead of path:
 * listener  with UKVMM_VSOCK_LISTENER: a listening AF_UNIX stream socket. dup'ed; its name is the caller's.
 * connect   called for each connect of the guest's, on the thread that serves the device, with no lock held: a connected,
 *           non-blocking AF_UNIX stream, which becomes the library's, or a negative errno, which is a refusal. The device
 *           and its kicks wait for it.
 */
#define UKVMM_VSOCK_LISTENER 1u

struct ukvmm_vsock_config {
	uint32_t size, flags;
	uint64_t cid;
	const char *path;
	uint32_t listen;
	int32_t listener;
	int (*connect)(uint64_t cookie, uint32_t port);
	uint64_t cookie;
};

/* Adds the vsock device, before seal. -EEXIST: the VM has one; -EADDRINUSE: `path` exists. */
int ukvmm_vm_add_vsock(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_vsock_config *config,
	struct ukvmm_err *err);
/*
 * Connects to a port of the guest: a stream fd, non-blocking, the caller's to close. Held, not refused, until
 * the guest's driver is there; what is written to it meanwhile waits in the socket. It ends (EOF) when the guest
 * refuses. -ENODEV: no vsock; -EMFILE, -EAGAIN: too many streams (64 a VM). Any thread.
 */
int ukvmm_vm_connect(struct ukvmm_vm *vm, uint32_t port, struct ukvmm_err *err);

/* ---- changes while it runs ---- */

/* New limits for a device of ours. `direction`: UKVMM_RATE_*; net has RX and TX, others have ALL. Takes effect
 * at once. -ENODEV: no such device; -EINVAL: it has no such limit. Any thread. */
#define UKVMM_RATE_ALL 0u
#define UKVMM_RATE_RX 1u
#define UKVMM_RATE_TX 2u
int ukvmm_vm_set_rate(struct ukvmm_vm *vm, const char *dev, uint32_t direction, const struct ukvmm_rate *rate,
	struct ukvmm_err *err);

/*
 * Gives a net or blk device another back end of the same kind, in a VM that is paused or not sealed: after a
 * load, the fd of the new place. dup'ed. blk: -EINVAL if its capacity differs. -ENODEV: no such device.
 */
int ukvmm_vm_rebind(struct ukvmm_vm *vm, const char *dev, int fd, struct ukvmm_err *err);

#ifdef __cplusplus
}
#endif
#endif
