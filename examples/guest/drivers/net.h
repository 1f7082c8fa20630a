/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the network driver: net.c opens and sends, net_rx.c receives. */
#ifndef RT_NET_H
#define RT_NET_H

#include "virtio.h"

enum { NET_NEEDS_CSUM = 1, NET_DATA_VALID = 2, NET_GSO_TCPV4 = 1, NET_OVERHEAD = 18 /* Ethernet and a VLAN tag */ };

#define NET_F_CSUM	 (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_MTU	 (1ull << 3)
#define NET_F_MAC	 (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_HOST_TSO4	 (1ull << 11)
#define NET_F_MRG_RXBUF	 (1ull << 15)

struct net_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

struct net {
	struct virtio dev;
	struct virtq rx, tx;
	uint16_t hdr_bytes; /* older devices without MRG_RXBUF leave out num_buffers */
};
extern struct net rt_net;

typedef void net_frame(void *arg, const struct rt_piece *piece, uint32_t n, bool checked);

/* Buffers for frames of that MTU, some of them given to the device. */
void net_rx_open(uint16_t mtu);
uint32_t net_rx_poll(net_frame *got, void *arg, uint32_t max);

#endif
