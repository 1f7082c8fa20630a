/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host ends of a network card: whole Ethernet frames to and from a file descriptor. One thread at a time per
 * back end; nothing here blocks. What comes from outside (a peer's lengths) is hostile.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	NET_HDR = 12,		     /* struct virtio_net_hdr_v1 (virtio 1.2 §5.1.6): in front of every frame */
	NET_FRAME_MAX = 65535 + 14 + 4, /* a TSO frame with its Ethernet header and a VLAN tag */
	NET_BUFFER = NET_HDR + NET_FRAME_MAX,
	NET_PIECES = 32,
};

/* What a back end can leave to the other side: to be told to the guest as CSUM, HOST_TSO4, ... */
enum { NET_CSUM = 1, NET_TSO4 = 2, NET_TSO6 = 4 };

struct net_backend;

/*
 * send    one frame with its header in front, NET_HDR + frame bytes. 0: taken (sent or buffered, at most 512 KiB of
 *         it). -EAGAIN: not taken, wait for `wants` of write and come again. Other errors: this frame is lost.
 *         Without offloads of its own the back end ignores the header.
 * sendv   the same of a frame in at most NET_PIECES pieces, len bytes in all; the first one holds at least the header.
 *         The others may be changed by somebody else meanwhile.
 * flush   after a batch of sends: hands over what was buffered. 0, or -EAGAIN: rest when writable.
 * recv    one frame with a header in front into buf of NET_BUFFER bytes: its length with the header (at least
 *         NET_HDR + 14); -EAGAIN: none now; -EPIPE: the peer is gone for good; other errors: a frame was lost,
 *         go on.
 * offload which of NET_* frames towards the guest may use (it negotiated them).
 * fd      what to watch; -1: nothing ever comes.
 * rebind  takes over fd (dup'ed) in place of the old one; what was buffered is dropped.
 * close   frees it.
 */
struct net_ops {
	int (*send)(struct net_backend *n, const uint8_t *buf, size_t len);
	int (*sendv)(struct net_backend *n, const struct iovec *iov, uint32_t pieces, size_t len);
	int (*flush)(struct net_backend *n);
	int64_t (*recv)(struct net_backend *n, uint8_t *buf);
	int (*offload)(struct net_backend *n, uint32_t which);
	int (*rebind)(struct net_backend *n, int fd);
	void (*close)(struct net_backend *n);
};

struct net_backend {
	const struct net_ops *ops;
	int fd;
	uint32_t offloads; /* what it can do */
	bool wants_write;  /* something waits for the fd to be writable */
};

struct ukvmm_err;

/* Each dups fd, makes the copy non-blocking and checks that it is what it should be (-ENOTSOCK, -EPROTOTYPE,
 * -EBADFD: a tap without IFF_VNET_HDR ...); err names the failing call and `object`. */
int net_tap_open(struct net_backend **out, const char *name, const char *object, struct ukvmm_err *err);
int net_tap_fd(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err);
int net_stream(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err);
int net_packet(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err);
int net_null(struct net_backend **out, const char *object, struct ukvmm_err *err);

#endif
