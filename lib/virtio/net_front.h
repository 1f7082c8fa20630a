/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the network card (virtio 1.2 §5.1): queue 0 receives, 1 sends, 2 controls. Everything is of the callback
 * thread but what is marked atomic and what `lock` guards. No chain is held between two callbacks: what cannot be
 * done now is given back to the ring (virtio_queue_unpop), so a reset, a pause and a save find nothing in flight.
 */
#ifndef NET_FRONT_H
#define NET_FRONT_H

#include <pthread.h>
#include <stdatomic.h>

#include "bucket.h"
#include "devices.h"
#include "net.h"
#include "virtio.h"

enum { NET_RXQ, NET_TXQ, NET_CTRLQ, NET_QUEUES };

/* feature bits, §5.1.3 */
#define NET_F_CSUM (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_MTU (1ull << 3)
#define NET_F_MAC (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_GUEST_TSO6 (1ull << 8)
#define NET_F_HOST_TSO4 (1ull << 11)
#define NET_F_HOST_TSO6 (1ull << 12)
#define NET_F_MRG_RXBUF (1ull << 15)
#define NET_F_STATUS (1ull << 16)
#define NET_F_CTRL_VQ (1ull << 17)
#define NET_F_CTRL_RX (1ull << 18)
#define NET_F_GUEST_ANNOUNCE (1ull << 21)
#define NET_F_CTRL_MAC_ADDR (1ull << 23)

/* config space, §5.1.4 */
enum { NET_CONFIG_MAC = 0, NET_CONFIG_STATUS = 6, NET_CONFIG_MTU = 10, NET_CONFIG_BYTES = 12 };
enum { NET_LINK_UP = 1, NET_ANNOUNCE = 2 };

enum {
	NET_MAC = 6,
	NET_ETHERNET = 14,
	NET_BATCH = 64,	     /* frames a turn, where the transport gives no budget */
	NET_KICK_FRAMES = 16, /* of a kick, before the rest is the poller's */
	NET_KICK_BYTES = 128 << 10,
	NET_MERGE_MAX = 128, /* chains a frame may take: the largest frame in buffers of 512 bytes */
	NET_FILTER_MACS = 32,
};

/* What the driver wants to receive, §5.1.6.5.1 and .2. Saved as it is: no padding. */
struct net_filter {
	uint8_t promisc, allmulti;
	uint8_t uni_all, multi_all; /* the driver has more addresses than fit */
	uint8_t uni_n, multi_n;
	uint8_t uni[NET_FILTER_MACS][NET_MAC], multi[NET_FILTER_MACS][NET_MAC];
};

struct net_direction {
	struct rate rate;
	bool limited;
	bool more;	/* the budget ended before the frames did */
	uint64_t until; /* the rate holds it back; 0: it does not */
	uint64_t paid;	/* bytes of the frame at the head that the rate has let pass */
	_Atomic uint64_t bytes, frames, dropped;
	atomic_bool changed;
	struct ukvmm_rate next; /* of virtio_net.lock */
};

struct virtio_net {
	struct ukvmm_device *dev; /* NULL before attach */
	struct net_backend *backend;
	struct ukvmm_queue *queue[NET_QUEUES];
	uint64_t offered, features; /* features: negotiated, while live */
	bool live;		    /* between driver_ok and reset */
	bool any_mac, mac_given;
	bool link;	    /* the back end is there */
	bool announce;	    /* the driver is asked to tell the network where it is now, and has not answered */
	uint8_t told;	    /* the status that the config space has */
	uint8_t own[NET_MAC]; /* that it was made with */
	uint8_t mac[NET_MAC]; /* that it has now */
	uint16_t mtu;
	struct net_filter filter;
	struct net_direction rx, tx;
	bool rx_waits;		 /* for the driver's buffers */
	uint64_t rx_give_up;	 /* 0, or when the frame that finds too few of them is dropped */
	bool tx_blocked;	 /* the back end takes no more until it is writable */
	uint32_t watched;	 /* events */
	uint64_t timer_at;
	size_t rx_len;		 /* of a frame in rx_buf that was not delivered yet */
	pthread_mutex_t lock;
	uint8_t rx_buf[NET_BUFFER], tx_buf[NET_BUFFER];
};

/* net.c: tells the back end what was negotiated. */
int net_offload(struct virtio_net *n);

/* net_rate.c */
void net_limit(struct net_direction *d, const struct ukvmm_rate *rate); /* NULL: none */
void net_limit_changed(struct virtio_net *n, struct net_direction *d); /* if it was, takes the new one */
/* May `bytes` more pass? If not, d->until is set. Asked again for the same frame, it is counted once. */
bool net_rate_passes(struct net_direction *d, uint64_t bytes);
void net_count(struct net_direction *d, uint64_t bytes); /* a frame has passed */
void net_dropped(struct net_direction *d);

/* net_state.c: of ukvmm_device_ops */
int net_save(void *ctx, struct ukvmm_state *s);
int net_load(void *ctx, struct ukvmm_state *s, uint32_t version);

/* net_rx.c, net_tx.c, net_ctrl.c: at most `budget` chains; no settling of watches and timers. */
void net_rx_run(struct virtio_net *n, uint32_t budget);
void net_ctrl_run(struct virtio_net *n, uint32_t budget);
/* Stops after the frame that reaches `bytes`. */
void net_tx_run(struct virtio_net *n, uint32_t budget, uint64_t bytes);
void net_rx_late(struct virtio_net *n); /* rx_give_up has come */

/*
 * net_header.c: is what the guest wrote in front of a frame of `frame` bytes something that a tap would take, and
 * was it negotiated? If so it is rewritten with nothing in it but what was checked.
 */
bool net_header_from_guest(uint8_t *hdr, size_t frame, uint64_t features);
/* The same towards the guest: only what it negotiated. num_buffers is the caller's. */
bool net_header_to_guest(uint8_t *hdr, uint64_t features);

/* net_filter.c */
void net_filter_reset(struct net_filter *f);
bool net_filter_passes(const struct net_filter *f, const uint8_t *mac, const uint8_t *frame);
bool net_filter_possible(const struct net_filter *f); /* a loaded one */

#endif
