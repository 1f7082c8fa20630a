/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's network interface on the platform's card. */
#ifndef NET_FRAMES_H
#define NET_FRAMES_H

#include "lwip/netif.h"
#include "ukvmm_rt.h"

/* For netif_add, whose `state` is the card's struct rt_net_info. */
err_t frames_setup(struct netif *netif);
/* Handles up to `max` frames; how many came and went. What did not fit into the ring is tried again when some went. */
uint32_t frames_poll(struct netif *netif, uint32_t max);
/* What TCP may put into one segment towards a peer that takes `mss` bytes: more than that where the device cuts. */
uint16_t frames_segment(uint16_t mss);

#endif
