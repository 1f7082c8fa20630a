/* SPDX-License-Identifier: Apache-2.0 */
/* A network card driven by the test: the guest's side is drive.h's, the host's is the other end of a socketpair. */
#ifndef TEST_NET_RIG_H
#define TEST_NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drive.h"
#include "net_front.h"
#include "virtio_reg.h"

enum { RX, TX, CTRL, RIG_QUEUE = 64, RIG_STREAM = 1, RIG_HEADER = 12 };

extern const uint8_t rig_mac[8];

struct net_rig {
	struct drive d;
	struct drive_dev dev;
	int peer;
	uint32_t queue_size;
	uint64_t rx_gpa[1024];	/* of the buffer at that descriptor */
	uint32_t rx_bytes[1024];
};

/* With a back end over a socketpair of that type and `config` (may be NULL), sealed and with a live driver. */
void rig_init(struct net_rig *r, int type, const struct ukvmm_net_config *config, uint64_t features);
/* The parts of it: the VM with its card; the driver. */
void rig_make(struct net_rig *r, int type, const struct ukvmm_net_config *config);
void rig_drive(struct net_rig *r, uint64_t features, uint32_t queue_size);
void rig_fini(struct net_rig *r);

struct virtio_net *rig_net(struct net_rig *r);
struct front_stats rig_stats(struct net_rig *r);

/* A frame from the card's own address, to everybody. */
void frame_fill(uint8_t *frame, size_t len, uint8_t seed);
void frame_expect(const uint8_t *frame, size_t len, uint8_t seed);

/* The driver sends it behind `header` (NULL: zeroes), in one chain of `pieces`; no kick. Returns the head. */
uint16_t rig_send(struct net_rig *r, const uint8_t *header, const uint8_t *frame, size_t len, uint32_t pieces);
/* What the peer has got: the length, or -1: nothing is there. */
int64_t rig_peer_recv(struct net_rig *r, uint8_t *frame, size_t room);
/* The peer gets exactly that one, with whatever polling it takes. */
void rig_peer_expect(struct net_rig *r, size_t len, uint8_t seed);
void rig_peer_send(struct net_rig *r, size_t len, uint8_t seed);

/* Offers a buffer for receiving; no kick. */
uint16_t rig_offer(struct net_rig *r, uint32_t bytes);
/* The next frame that arrives, put together; its length without header. */
size_t rig_recv(struct net_rig *r, uint8_t *frame, uint32_t *buffers);
void rig_expect(struct net_rig *r, size_t len, uint8_t seed);

/* A command; the answer, or -1 if the device wrote none. */
int rig_ctrl(struct net_rig *r, const void *bytes, uint32_t len, bool with_ack);

/* Polls until the poller has nothing to do. */
void rig_settle(struct net_rig *r);

#endif
