/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include "address.h"
#include "frames.h"
#include "guard.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "ukvmm_rt.h"

enum { BATCH = 64, TIMERS_EVERY = 16 };
/* How long to look for frames before idling, from which it takes longer to come back; only where the last look found
 * some, or the last time of idling was a short one. A guest that begins is started for somebody who waits. */
enum { FIRST_LOOK_NS = 100 * 1000, LOOK_NS = 50 * 1000, SHORT_NS = 200 * 1000 };

static struct netif card;
static struct rt_net_info info;
static uint64_t wake_at = UINT64_MAX;
static uint64_t looks = FIRST_LOOK_NS; /* 0: not at all */

u32_t sys_now(void)
{
	return (u32_t)(rt_now() / 1000000);
}

/* Who started us may have said it: then the first answer waits for nobody's. */
static void know_gateway(const ip4_addr_t *gateway)
{
	struct eth_addr mac;

	if (!ip4_addr_isany(gateway) && address_mac(&mac))
		etharp_add_static_entry(gateway, &mac);
}

bool net_open(void)
{
	ip4_addr_t ip, mask, gateway;

	if (!rt_net_open(&info) || !address_of_words(&ip, &mask, &gateway))
		return false;
	guard_start(rt_memory_left() / 4);
	lwip_init();
	if (!netif_add(&card, &ip, &mask, &gateway, &info, frames_setup, netif_input))
		return false;
	netif_set_default(&card);
	netif_set_up(&card);
	know_gateway(&gateway);
	return !ip4_addr_isany_val(ip) || dhcp_start(&card) == ERR_OK;
}

bool net_up(void)
{
	return !ip4_addr_isany(netif_ip4_addr(&card));
}

void net_wake(uint64_t at)
{
	wake_at = at < wake_at ? at : wake_at;
}

/* Some frames, and `after` them. False: there were none. */
static bool some(void (*after)(void))
{
	if (!frames_poll(&card, BATCH))
		return false;
	after();
	return true;
}

/* Frames until there are none. A timer is not to fire for what is still in the ring, but does not wait for ever. */
static void drain(void (*after)(void))
{
	for (uint32_t n = 1; some(after); n++) {
		if (n % TIMERS_EVERY == 0)
			sys_check_timeouts();
	}
	sys_check_timeouts();
}

/* True: frames came and were handled. */
static bool look(void (*after)(void))
{
	uint64_t until = rt_now() + looks;

	rt_kick();
	while (!some(after)) {
		if (rt_now() >= until)
			return false;
	}
	return true;
}

static void idle(u32_t ms)
{
	uint64_t now = rt_now(), until = ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : now + ms * 1000000ull;

	until = until < wake_at ? until : wake_at;
	rt_wait(until == UINT64_MAX ? 0 : until);
	looks = rt_now() - now < SHORT_NS ? LOOK_NS : 0;
}

void net_turn(void (*after)(void))
{
	u32_t ms;

	do {
		drain(after);
		looks = looks && look(after) ? LOOK_NS : 0;
	} while (looks);
	if (wake_at <= rt_now()) {
		wake_at = UINT64_MAX;
		after();
		return;
	}
	ms = sys_timeouts_sleeptime();
	if (ms)
		idle(ms);
}
