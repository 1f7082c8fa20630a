/* SPDX-License-Identifier: Apache-2.0 */
/* The control queue (virtio 1.2 §5.1.6.5): what to receive, and the address. */
#include "net_front.h"

#include <string.h>

#include "cursor.h"

enum { COMMAND_MAX = 4096 }; /* about 680 addresses: Linux would send as many; a longer one is refused */
enum { ACK_OK = 0, ACK_ERR = 1 };
enum { CLASS_RX = 0, CLASS_MAC = 1, CLASS_ANNOUNCE = 3 };
enum { RX_PROMISC = 0, RX_ALLMULTI = 1 };
enum { MAC_TABLE_SET = 0, MAC_ADDR_SET = 1 };
enum { ANNOUNCE_ACK = 0 };

static bool rx_mode(struct virtio_net *n, uint8_t command, struct reader *r)
{
	uint8_t on = reader_u8(r);

	if (r->bad || !(n->features & NET_F_CTRL_RX))
		return false;
	switch (command) {
	case RX_PROMISC:
		n->filter.promisc = on != 0;
		return true;
	case RX_ALLMULTI:
		n->filter.allmulti = on != 0;
		return true;
	default:
		return false;
	}
}

/* One of the two tables: as many as fit, or all. */
static bool table(struct reader *r, uint8_t (*to)[NET_MAC], uint8_t *len, uint8_t *all)
{
	uint32_t entries = reader_u32(r);
	const uint8_t *macs = reader_take(r, (uint64_t)entries * NET_MAC);

	if (r->bad)
		return false;
	*all = entries > NET_FILTER_MACS;
	*len = *all ? 0 : (uint8_t)entries;
	if (*len)
		memcpy(to, macs, (size_t)*len * NET_MAC);
	return true;
}

static bool mac_table(struct virtio_net *n, struct reader *r)
{
	struct net_filter f = n->filter;

	if (!(n->features & NET_F_CTRL_RX) || !table(r, f.uni, &f.uni_n, &f.uni_all) ||
		!table(r, f.multi, &f.multi_n, &f.multi_all))
		return false;
	n->filter = f;
	return true;
}

/* The address is what the source check holds the guest to: it is not the guest's to change, unless all are allowed. */
static bool mac_set(struct virtio_net *n, struct reader *r)
{
	uint8_t mac[NET_MAC];

	if (!(n->features & NET_F_CTRL_MAC_ADDR) || !reader_bytes(r, mac, sizeof mac) || mac[0] & 1)
		return false;
	if (!n->any_mac)
		return !memcmp(mac, n->mac, NET_MAC);
	memcpy(n->mac, mac, NET_MAC);
	ukvmm_device_config(n->dev, NET_CONFIG_MAC, mac, NET_MAC);
	return true;
}

static bool announced(struct virtio_net *n, uint8_t command)
{
	if (!(n->features & NET_F_GUEST_ANNOUNCE) || command != ANNOUNCE_ACK)
		return false;
	n->announce = false;
	return true;
}

static bool command(struct virtio_net *n, struct reader *r)
{
	uint8_t class = reader_u8(r), what = reader_u8(r);

	switch (class) {
	case CLASS_RX:
		return rx_mode(n, what, r);
	case CLASS_MAC:
		return what == MAC_TABLE_SET ? mac_table(n, r) : what == MAC_ADDR_SET && mac_set(n, r);
	case CLASS_ANNOUNCE:
		return announced(n, what);
	default:
		return false;
	}
}

void net_ctrl_run(struct virtio_net *n, uint32_t budget)
{
	struct ukvmm_chain *chain;

	while (n->live && budget-- && (chain = ukvmm_queue_pop(n->queue[NET_CTRLQ]))) {
		uint8_t bytes[COMMAND_MAX], ack = ACK_ERR;
		struct reader r;

		if (ukvmm_chain_readable(chain) <= sizeof bytes) {
			reader_init(&r, bytes, (uint64_t)ukvmm_chain_read(chain, bytes, sizeof bytes));
			ack = command(n, &r) ? ACK_OK : ACK_ERR;
		}
		ukvmm_chain_write(chain, &ack, sizeof ack);
		ukvmm_queue_push(n->queue[NET_CTRLQ], chain);
	}
	ukvmm_queue_notify(n->queue[NET_CTRLQ]);
}
