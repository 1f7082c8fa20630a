/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's vsock driver, played over test/common/drive.h. Everything happens on the test's own thread. */
#ifndef TEST_VSOCK_GUEST_H
#define TEST_VSOCK_GUEST_H

#include "../kvm/test.h"

#include <stdbool.h>
#include <sys/types.h>

#include "drive.h"
#include "vsock.h"

enum { CID = 42, GUEST_PORT = 1234, HOST_PORT = 80, RING = 256, RX_BYTES = 4096, EVENT_BUFFERS = 4 };

struct vguest {
	struct drive d;
	struct drive_dev dev;
	uint64_t rx, tx, event; /* buffers */
	uint32_t rx_posted;
	char dir[32], path[64]; /* of the sockets; "" before guest_init made them */
	int listener; /* on path_HOST_PORT, -1: none */
	uint32_t host_port; /* of the stream that packet() speaks for */
	uint32_t guest_port;
	uint32_t received; /* bytes, our fwd_cnt */
	uint32_t buf_alloc;
};

struct packet {
	struct vsock_header h;
	uint8_t data[RX_BYTES];
};

/* A VM with a vsock device, sealed; no driver yet. listen: `path` is listened on by the device. */
void guest_init(struct vguest *g, bool listen);
/* The same without a path: a socket that listens already, and `connect` for the guest's own connects. Whoever calls it
 * removes `path`. */
void guest_init_given(struct vguest *g, int (*connect)(uint64_t cookie, uint32_t port), uint64_t cookie);
void guest_fini(struct vguest *g);
/* Negotiates and gives `buffers` receive buffers. */
void guest_up(struct vguest *g, uint32_t buffers);
void guest_give(struct vguest *g, uint32_t buffers);

/* Runs the poller until it has nothing to do. */
void settle(struct vguest *g);

/* A header of the current stream. */
struct vsock_header header_of(const struct vguest *g, enum vsock_op op, uint32_t len, uint32_t flags);
/* Sends it with `bytes` bytes of data behind it (which need not be h->len), and settles. */
void send_raw(struct vguest *g, const struct vsock_header *h, const void *data, uint32_t bytes);
void send_op(struct vguest *g, enum vsock_op op, uint32_t flags);
void send_bytes(struct vguest *g, const void *data, uint32_t bytes);

/* The next packet from the device, its buffer given again; false: none now. */
bool next_packet(struct vguest *g, struct packet *p);
/* The same; fails unless there is one of this kind for the current stream. */
void expect(struct vguest *g, enum vsock_op op, struct packet *p);
void expect_nothing(struct vguest *g);

/* A stream that the guest opens to HOST_PORT; the host's end, non-blocking. */
int guest_opens(struct vguest *g);
/* One that the host opens by ukvmm_vm_connect. */
int host_opens(struct vguest *g);

/* How many streams the device has. */
uint32_t streams(const struct vguest *g);
const struct virtio_vsock *device(const struct vguest *g);

/* Reads to the end or until nothing is there; -1 at EOF at once. */
ssize_t drain(int fd, uint8_t *buf, size_t len);
bool at_end(int fd);

#endif
