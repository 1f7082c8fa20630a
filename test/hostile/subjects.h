/* SPDX-License-Identifier: Apache-2.0 */
/* Every device that can be put under test, and what their own rows need to speak to them. */
#ifndef TEST_SUBJECTS_H
#define TEST_SUBJECTS_H

#include <stddef.h>
#include <stdint.h>

struct hostile;
struct subject;

extern const struct subject subject_echo;   /* of an embedder's, on the poller's thread */
extern const struct subject subject_inline; /* the same within the kick */
extern const struct subject subject_eventfd; /* echo, its notifications by eventfd too */
extern const struct subject subject_net;    /* a SOCK_SEQPACKET pair; h->fd is the other end */
extern const struct subject subject_blk;    /* h->fd is the file, BLK_BYTES */
extern const struct subject subject_uring;  /* the same through io_uring, or as blk where there is none */
extern const struct subject subject_overlay; /* with a top in memory */
extern const struct subject subject_blk_limited, subject_net_limited; /* with rate limits */
extern const struct subject subject_rng;
extern const struct subject subject_console;
extern const struct subject subject_vsock;

/* net */
enum { NET_RX, NET_TX, NET_CTRL, NET_HEADER = 12, NET_FRAME = 60 };
void net_frame(uint8_t *frame, size_t len, uint8_t fill, int from_guest); /* its MAC addresses are right */
void net_post(struct hostile *h, uint64_t gpa, uint32_t len); /* an rx buffer */
void net_sends(struct hostile *h, uint8_t fill); /* asserts that a frame of the guest's comes out */
void net_receives(struct hostile *h, uint8_t fill); /* asserts that a frame reaches the guest; posts a buffer for it */

/* blk */
enum { BLK_BYTES = 1 << 20, BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8, BLK_DISCARD = 11,
	BLK_ZEROES = 13,
	BLK_OK = 0, BLK_IOERR = 1, BLK_UNSUPP = 2 };
struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};
void blk_add(struct hostile *h, uint32_t flags); /* UKVMM_BLK_*; sets h->fd */
/* One request with `len` bytes of data at `gpa`; its status byte (0xee where the device wrote none). */
uint8_t blk_request(struct hostile *h, uint32_t type, uint64_t sector, uint64_t gpa, uint32_t len);

/* vsock: virtio 1.2 §5.10.6 */
enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_CID = 3, VSOCK_HOST_CID = 2, VSOCK_STREAM = 1,
	VSOCK_REQUEST = 1, VSOCK_RESPONSE, VSOCK_RST, VSOCK_SHUTDOWN, VSOCK_RW, VSOCK_CREDIT_UPDATE,
	VSOCK_CREDIT_REQUEST };
struct __attribute__((packed)) vsock_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};
void vsock_post(struct hostile *h); /* rx buffers, once; what is taken is posted again */
/* The next packet to the guest but credit updates; its payload (up to 4052 bytes) to `data`. */
struct vsock_header vsock_next(struct hostile *h, void *data);
/* -1: none within some turns. */
int vsock_poll(struct hostile *h, struct vsock_header *out, void *data);
void vsock_send(struct hostile *h, const struct vsock_header *header, const void *data);
/* A header of the guest's to `dst_port` of the host. */
struct vsock_header vsock_packet(uint32_t src_port, uint32_t dst_port, uint16_t op);

#endif
