/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip4_addr.h"
#include "lwip/netif.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "ukvmm_rt.h"

enum { PIECES = 8, BATCH = 64 };

static struct netif card;
static struct rt_net_info info;

u32_t sys_now(void)
{
	return (u32_t)(rt_now() / 1000000);
}

static void sent(void *arg)
{
	pbuf_free(arg);
}

/* Begins the checksum that the device ends: the sum over the pseudo header goes where the checksum belongs. */
static uint16_t begin_checksum(struct pbuf *p)
{
	uint8_t *frame = p->payload;
	struct ip_hdr ip;
	uint32_t head;
	uint16_t sum;
	uint32_t acc;

	if (!(info.features & RT_NET_CSUM) || p->len < SIZEOF_ETH_HDR + IP_HLEN || frame[12] != 8 || frame[13])
		return 0;
	memcpy(&ip, frame + SIZEOF_ETH_HDR, sizeof ip);
	head = SIZEOF_ETH_HDR + IPH_HL_BYTES(&ip);
	if (IPH_PROTO(&ip) != IP_PROTO_TCP || p->len < head + TCP_HLEN)
		return 0;
	acc = (ip.src.addr & 0xffff) + (ip.src.addr >> 16) + (ip.dest.addr & 0xffff) + (ip.dest.addr >> 16);
	acc += lwip_htons(IP_PROTO_TCP) + lwip_htons((uint16_t)(p->tot_len - head));
	acc = (acc & 0xffff) + (acc >> 16);
	sum = (uint16_t)((acc & 0xffff) + (acc >> 16));
	memcpy(frame + head + 16, &sum, sizeof sum);
	return (uint16_t)head;
}

static err_t transmit(struct netif *netif, struct pbuf *p)
{
	struct rt_piece piece[PIECES];
	struct pbuf *whole = p;
	uint32_t n = 0;
	uint16_t start;

	(void)netif;
	if (pbuf_clen(p) > PIECES)
		whole = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
	else
		pbuf_ref(p);
	if (!whole)
		return ERR_MEM;
	start = begin_checksum(whole);
	for (struct pbuf *q = whole; q; q = q->next)
		piece[n++] = (struct rt_piece){ q->payload, q->len };
	if (rt_net_send(piece, n, start, start ? 16 : 0, sent, whole))
		return ERR_OK;
	pbuf_free(whole);
	return ERR_MEM; /* a full ring: TCP keeps the segment and tries again */
}

static void receive(void *arg, const uint8_t *bytes, uint32_t len, bool checked)
{
	struct pbuf *p;

	(void)arg;
	p = len <= 0xffff ? pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM) : NULL;
	if (!p)
		return; /* dropped, as on any wire */
	memcpy(p->payload, bytes, len);
	if (checked)
		card.chksum_flags &= (u16_t)~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
	else
		card.chksum_flags |= NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	if (card.input(p, &card) != ERR_OK)
		pbuf_free(p);
}

static err_t setup(struct netif *netif)
{
	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->output = etharp_output;
	netif->linkoutput = transmit;
	netif->hwaddr_len = sizeof info.mac;
	memcpy(netif->hwaddr, info.mac, sizeof info.mac);
	netif->mtu = info.mtu > 65520 ? 65520 : info.mtu;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	netif->chksum_flags = NETIF_CHECKSUM_ENABLE_ALL;
	if (info.features & RT_NET_CSUM)
		netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
	return ERR_OK;
}

/* An address of a word of the command line that ends at `end`. */
static bool address(const char *at, size_t len, ip4_addr_t *out)
{
	char text[16];

	if (len >= sizeof text)
		return false;
	memcpy(text, at, len);
	text[len] = 0;
	return ip4addr_aton(text, out);
}

static bool argument(const char *name, ip4_addr_t *out)
{
	const char *word = rt_arg(name);

	return !word || address(word, strlen(word), out);
}

static bool prefix(const char *at, ip4_addr_t *mask)
{
	uint32_t bits = 0;

	for (; *at >= '0' && *at <= '9' && bits <= 32; at++)
		bits = bits * 10 + (uint32_t)(*at - '0');
	if (bits > 32 || (*at && *at != ','))
		return false;
	mask->addr = bits ? lwip_htonl(~0u << (32 - bits)) : 0;
	return true;
}

static bool static_address(ip4_addr_t *ip, ip4_addr_t *mask, ip4_addr_t *gateway)
{
	const char *word = rt_arg("ip"), *comma;
	size_t len;

	ip4_addr_set_zero(ip);
	ip4_addr_set_zero(gateway);
	IP4_ADDR(mask, 255, 255, 255, 0);
	if (!word)
		return true;
	len = strcspn(word, "/,");
	if (!address(word, len, ip) || (word[len] == '/' && !prefix(word + len + 1, mask)))
		return false;
	comma = strchr(word, ',');
	if (comma && !address(comma + 1, strlen(comma + 1), gateway))
		return false;
	return argument("netmask", mask) && argument("gateway", gateway);
}

bool net_open(void)
{
	ip4_addr_t ip, mask, gateway;

	if (!rt_net_open(&info) || !static_address(&ip, &mask, &gateway))
		return false;
	lwip_init();
	if (!netif_add(&card, &ip, &mask, &gateway, NULL, setup, netif_input))
		return false;
	netif_set_default(&card);
	netif_set_up(&card);
	return !ip4_addr_isany_val(ip) || dhcp_start(&card) == ERR_OK;
}

bool net_up(void)
{
	return !ip4_addr_isany(netif_ip4_addr(&card));
}

void net_turn(void)
{
	u32_t sleep;

	while (rt_net_poll(receive, NULL, BATCH))
		sys_check_timeouts();
	sys_check_timeouts();
	sleep = sys_timeouts_sleeptime();
	if (sleep)
		rt_wait(sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? 0 : rt_now() + sleep * 1000000ull);
}
