/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP as the runtime uses it: IPv4, raw API, one thread, memory from malloc within bounds, large segments and windows. */
#ifndef NET_LWIPOPTS_H
#define NET_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_IPV6 0
#define LWIP_DHCP 1
/* dns.c itself, dhcp.c and who asks them are compiled with it; nothing of it is begun or ticks for who asks nobody */
#ifndef LWIP_DNS
#define LWIP_DNS 0
#endif
#define DNS_TABLE_SIZE 16
#define DNS_MAX_TTL 300
#define LWIP_STATS 0
#define LWIP_NETIF_STATUS_CALLBACK 0
#define DHCP_DOES_ARP_CHECK 0 /* it waits for seconds before an address may be used */
/* nothing here sends or takes fragments, and a segment for the device to cut must not become such */
#define IP_FRAG 0
#define IP_REASSEMBLY 0
#define ARP_TABLE_SIZE 64
/* several answers may wait for the peer's address: with one, the last would take the place of a handshake's */
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 16
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define LWIP_HOOK_FILENAME "hooks.h"

#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define mem_clib_malloc guard_alloc
#define mem_clib_calloc guard_calloc
#define mem_clib_free guard_free

#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
#define TCP_MSS 65480 /* of an MTU of 65520; connections use what their route has, or what the device cuts */
#define TCP_WND (1024 * 1024)
#define TCP_SND_BUF (1024 * 1024)
#define TCP_SND_QUEUELEN 2048
#define TCP_SNDLOWAT (TCP_SND_BUF / 2)
#define TCP_OVERSIZE 0
#define TCP_OOSEQ_MAX_BYTES (256 * 1024)
#define TCP_LISTEN_BACKLOG 0 /* of at most 255; guard.h has bounds of its own */
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define TCP_MSL 1000
#define LWIP_TCP_SACK_OUT 1
/* they compare sizes of pools, which there are none of */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1

#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHKSUM_ALGORITHM 3

#endif
