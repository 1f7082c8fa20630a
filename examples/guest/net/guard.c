/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP tells of each connection's beginning and end by its "extended arguments", whose data is its kind here. Its lists
 * are in the order of the last packet, newest first. */
#include "guard.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"

enum kind { HALF_OPEN, OPEN, LEFT, OUTGOING, KINDS };
enum { HEAD = 16, URGENT = 1 << 20 };
enum { LEFT_LEAST = 256, LEFT_MOST = 1024, HALF_OPEN_LEAST = 1024, HALF_OPEN_MOST = 8192 };

static struct {
	size_t used, most;
	bool urgent;
	uint32_t count[KINDS], limit[KINDS];
	void (*make_room)(void);
} guard;

void guard_start(size_t memory)
{
	guard.most = memory;
}

void *guard_alloc(size_t n)
{
	size_t most = guard.most + (guard.urgent ? URGENT : 0);
	size_t *p = guard.used <= most && n <= most - guard.used ? malloc(n + HEAD) : NULL;

	if (!p)
		return NULL;
	guard.used += n;
	*p = n;
	return (char *)p + HEAD;
}

void *guard_calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p = __builtin_mul_overflow(n, size, &bytes) ? NULL : guard_alloc(bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

void guard_free(void *p)
{
	size_t *head = p ? (size_t *)(void *)((char *)p - HEAD) : NULL;

	if (!head)
		return;
	guard.used -= *head;
	free(head);
}

void guard_urgent(bool urgent)
{
	guard.urgent = urgent;
}

size_t guard_used(void)
{
	return guard.used;
}

static enum kind kind_of(const struct tcp_pcb *pcb)
{
	return (enum kind)(uintptr_t)tcp_ext_arg_get(pcb, 0);
}

static void set_kind(struct tcp_pcb *pcb, enum kind kind)
{
	guard.count[kind_of(pcb)]--;
	guard.count[kind]++;
	tcp_ext_arg_set(pcb, 0, (void *)(uintptr_t)kind);
}

/* Ends those of a kind in a list but the first `keep`. */
static void drop_behind(struct tcp_pcb *list, enum kind kind, uint32_t keep)
{
	for (struct tcp_pcb *pcb = list, *next; pcb; pcb = next) {
		next = pcb->next;
		if (kind_of(pcb) != kind)
			continue;
		if (keep)
			keep--;
		else
			tcp_abandon(pcb, kind == LEFT);
	}
}

/* Those in TIME_WAIT first, whose clients have had everything. */
static void bound(enum kind kind)
{
	if (guard.count[kind] > guard.limit[kind])
		drop_behind(tcp_tw_pcbs, kind, guard.limit[kind] / 4);
	if (guard.count[kind] > guard.limit[kind])
		drop_behind(tcp_active_pcbs, kind, guard.limit[kind] / 2);
}

static void ended(u8_t id, void *data)
{
	(void)id;
	guard.count[(enum kind)(uintptr_t)data]--;
}

static err_t begun(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb);
static const struct tcp_ext_arg_callbacks callbacks = { ended, begun };

static err_t begun(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb)
{
	(void)listener;
	tcp_ext_arg_set_callbacks(pcb, id, &callbacks);
	tcp_ext_arg_set(pcb, id, (void *)(uintptr_t)HALF_OPEN);
	guard.count[HALF_OPEN]++;
	bound(HALF_OPEN);
	bound(LEFT);
	if (guard.count[OPEN] >= guard.limit[OPEN])
		guard.make_room();
	return guard.count[OPEN] >= guard.limit[OPEN] ? ERR_MEM : ERR_OK;
}

static uint32_t between(uint32_t n, uint32_t least, uint32_t most)
{
	return n < least ? least : n > most ? most : n;
}

void guard_listen(struct tcp_pcb *pcb, uint32_t most, void (*make_room)(void))
{
	/* many: one whose last step of the handshake was lost on the way is open to its client, which sends */
	guard.limit[HALF_OPEN] = between(most, HALF_OPEN_LEAST, HALF_OPEN_MOST);
	guard.limit[OPEN] = most;
	guard.limit[LEFT] = between(most / 2, LEFT_LEAST, LEFT_MOST);
	guard.make_room = make_room;
	tcp_ext_arg_set_callbacks(pcb, tcp_ext_arg_alloc_id(), &callbacks);
}

bool guard_crowded(void)
{
	return guard.count[OPEN] > guard.limit[OPEN] - guard.limit[OPEN] / 8;
}

void guard_opened(struct tcp_pcb *pcb)
{
	set_kind(pcb, OPEN);
}

void guard_outgoing(struct tcp_pcb *pcb)
{
	tcp_ext_arg_set_callbacks(pcb, 0, &callbacks);
	tcp_ext_arg_set(pcb, 0, (void *)(uintptr_t)OUTGOING);
	guard.count[OUTGOING]++;
}

void guard_left(struct tcp_pcb *pcb)
{
	set_kind(pcb, LEFT);
}

static void syn(const struct ip_hdr *ip, const struct tcp_hdr *tcp)
{
	for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
		if (pcb->remote_port != lwip_ntohs(tcp->src) || pcb->local_port != lwip_ntohs(tcp->dest) ||
			pcb->remote_ip.addr != ip->src.addr || pcb->local_ip.addr != ip->dest.addr)
			continue;
		if (TCP_SEQ_GT(lwip_ntohl(tcp->seqno), pcb->rcv_nxt))
			tcp_abandon(pcb, 0);
		return;
	}
}

bool guard_packet(struct pbuf *p)
{
	struct ip_hdr ip;
	struct tcp_hdr tcp;
	uint32_t head;

	if (!tcp_tw_pcbs || pbuf_copy_partial(p, &ip, IP_HLEN, 0) != IP_HLEN || IPH_PROTO(&ip) != IP_PROTO_TCP)
		return false;
	head = IPH_HL_BYTES(&ip);
	if (pbuf_copy_partial(p, &tcp, TCP_HLEN, (u16_t)head) == TCP_HLEN &&
		(TCPH_FLAGS(&tcp) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN)
		syn(&ip, &tcp);
	return false;
}

static bool tells_mss(const uint8_t *option, uint32_t n)
{
	uint32_t len;

	for (uint32_t i = 0; i < n && option[i] != LWIP_TCP_OPT_EOL; i += len) {
		len = option[i] == LWIP_TCP_OPT_NOP ? 1 : i + 1 < n ? option[i + 1] : 0;
		if (option[i] == LWIP_TCP_OPT_MSS)
			return true;
		if (!len)
			return false;
	}
	return false;
}

bool guard_segment(struct tcp_pcb *pcb, const struct tcp_hdr *tcp, uint32_t options)
{
	if (pcb->state == LISTEN || !tells_mss((const uint8_t *)(tcp + 1), options))
		return false;
	if (!(TCPH_FLAGS(tcp) & TCP_SYN))
		return true;
	if (pcb->state != SYN_RCVD)
		return false; /* answered without a look at its options */
	if (tcp->seqno == pcb->rcv_nxt - 1 && tcp_rexmit(pcb) == ERR_OK)
		tcp_output(pcb);
	return true;
}

/* lwIP makes segments of half the largest window that it was told of. One that was made before that was as small as it
 * is now (it was zero, which counts for none) does not fit, and lwIP holds that for impossible. */
static void fit_last(struct tcp_pcb *pcb)
{
	const struct tcp_seg *last = pcb->unsent;
	uint32_t most = (uint32_t)pcb->snd_wnd_max / 2;

	if (!last || !most || most >= pcb->mss)
		return;
	while (last->next)
		last = last->next;
	if ((uint32_t)(last->len + LWIP_TCP_OPT_LENGTH(last->flags)) > most)
		pcb->snd_wnd_max = 2u * pcb->mss;
}

bool guard_write(struct tcp_pcb *pcb, const void *bytes, uint16_t n, uint8_t flags)
{
	fit_last(pcb);
	return tcp_write(pcb, bytes, n, flags) == ERR_OK;
}
