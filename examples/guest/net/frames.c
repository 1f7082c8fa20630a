/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lwIP has no segmentation offload. A connection whose peer takes segments as large as our MTU gets a larger MSS once
 * it is open (frames_segment): what is then longer than the MTU is for the device to cut, by the MTU.
 */
#include "frames.h"

#include <string.h>

#include "guard.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"

enum { IP_AND_TCP = 40, OPTIONS_MAX = 40, CHECKSUM_AT = 16, SHORTEST = 60 };

static struct rt_net_info *card;
static bool refused; /* a frame, since the ring was full */

static void sent(void *arg)
{
	pbuf_free(arg);
}

/* The checksum over the pseudo header, which is where the device goes on. */
static void begin_checksum(uint8_t *tcp, const struct ip_hdr *ip, uint32_t len)
{
	uint32_t acc = (ip->src.addr & 0xffff) + (ip->src.addr >> 16) + (ip->dest.addr & 0xffff) + (ip->dest.addr >> 16);
	uint16_t sum;

	acc += lwip_htons(IP_PROTO_TCP) + lwip_htons((uint16_t)len);
	acc = (acc & 0xffff) + (acc >> 16);
	sum = (uint16_t)((acc & 0xffff) + (acc >> 16));
	memcpy(tcp + CHECKSUM_AT, &sum, sizeof sum);
}

/* What is left to the device of a frame whose headers are in its first buffer, as TCP's are. */
static struct rt_net_offload offload(const struct pbuf *p)
{
	struct rt_net_offload o = { 0, 0, 0, 0 };
	uint8_t *frame = p->payload;
	struct ip_hdr ip;
	uint32_t head, headers;

	if (!(card->features & RT_NET_CSUM) || p->len < SIZEOF_ETH_HDR + IP_HLEN || frame[12] != 8 || frame[13])
		return o;
	memcpy(&ip, frame + SIZEOF_ETH_HDR, sizeof ip);
	head = SIZEOF_ETH_HDR + IPH_HL_BYTES(&ip);
	if (IPH_PROTO(&ip) != IP_PROTO_TCP || p->len < head + TCP_HLEN)
		return o;
	begin_checksum(frame + head, &ip, p->tot_len - head);
	o.csum_start = (uint16_t)head;
	o.csum_offset = CHECKSUM_AT;
	if (p->tot_len <= SIZEOF_ETH_HDR + card->mtu)
		return o;
	headers = head + (frame[head + 12] >> 4) * 4u;
	o.headers = (uint16_t)headers;
	o.segment = (uint16_t)(SIZEOF_ETH_HDR + card->mtu - headers);
	return o;
}

static err_t transmit(struct netif *netif, struct pbuf *p)
{
	struct rt_piece piece[RT_NET_PIECES];
	struct rt_net_offload o;
	struct pbuf *whole = p;
	uint32_t n = 0;

	(void)netif;
	if (pbuf_clen(p) > RT_NET_PIECES)
		whole = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
	else
		pbuf_ref(p);
	if (!whole)
		return ERR_MEM;
	o = offload(whole);
	for (struct pbuf *q = whole; q; q = q->next)
		piece[n++] = (struct rt_piece){ q->payload, q->len };
	if (rt_net_send(piece, n, &o, sent, whole))
		return ERR_OK;
	pbuf_free(whole);
	refused = true;
	return ERR_MEM; /* TCP keeps the segment */
}

/* A frame that is shorter than any on a wire is filled up: lwIP reads headers before it looks how long they are. */
static struct pbuf *copy(const struct rt_piece *piece, uint32_t n)
{
	uint32_t len = 0, room;
	struct pbuf *p;

	for (uint32_t i = 0; i < n; i++)
		len += piece[i].len;
	room = len < SHORTEST ? SHORTEST : len;
	guard_urgent(true);
	p = room <= 0xffff ? pbuf_alloc(PBUF_RAW, (u16_t)room, PBUF_RAM) : NULL;
	guard_urgent(false);
	if (!p)
		return NULL;
	memset((uint8_t *)p->payload + len, 0, room - len);
	len = 0;
	for (uint32_t i = 0; i < n; i++) {
		memcpy((uint8_t *)p->payload + len, piece[i].at, piece[i].len);
		len += piece[i].len;
	}
	return p;
}

static void receive(void *arg, const struct rt_piece *piece, uint32_t n, bool checked)
{
	struct netif *netif = arg;
	struct pbuf *p = copy(piece, n);

	if (!p)
		return; /* dropped, as on any wire */
	if (checked)
		netif->chksum_flags &= (u16_t)~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
	else
		netif->chksum_flags |= NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	if (netif->input(p, netif) != ERR_OK)
		pbuf_free(p);
}

/* lwIP looks for link-local addresses on its own link only; others ask the gateway unless the link is such a network. */
static err_t route(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	const ip4_addr_t *gateway = netif_ip4_gw(netif);

	if (ip4_addr_islinklocal(to) && !ip4_addr_netcmp(to, netif_ip4_addr(netif), netif_ip4_netmask(netif)) &&
		!ip4_addr_isany(gateway))
		to = gateway;
	return etharp_output(netif, p, to);
}

err_t frames_setup(struct netif *netif)
{
	card = netif->state;
	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->output = route;
	netif->linkoutput = transmit;
	netif->hwaddr_len = sizeof card->mac;
	memcpy(netif->hwaddr, card->mac, sizeof card->mac);
	if (card->mtu > 65520)
		card->mtu = 65520;
	netif->mtu = card->mtu;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	netif->chksum_flags = NETIF_CHECKSUM_ENABLE_ALL;
	if (card->features & RT_NET_CSUM)
		netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
	return ERR_OK;
}

uint32_t frames_poll(struct netif *netif, uint32_t max)
{
	uint32_t n = rt_net_poll(receive, netif, max);

	if (refused && n) {
		refused = false;
		tcp_txnow();
	}
	return n;
}

uint16_t frames_segment(uint16_t mss)
{
	const uint32_t most = 0xffff - IP_AND_TCP - OPTIONS_MAX;

	if (!(card->features & RT_NET_TSO) || mss + IP_AND_TCP < card->mtu || mss > most / 2)
		return mss;
	return (uint16_t)(most - most % mss);
}
