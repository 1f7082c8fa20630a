/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "lwip/priv/tcp_priv.h"
#include "net.h"
#include "server.h"
#include "ukvmm_rt.h"

enum { GUEST = 0x0a090002, PEER = 0x0a090001 };

struct world world;

/* ---- the platform ---- */

uint64_t rt_now(void)
{
	return world.now += 1000;
}

uint64_t rt_realtime(void)
{
	return 0;
}

void rt_wait(uint64_t until)
{
	(void)until;
}

void rt_kick(void)
{
}

void rt_ready(uint32_t value)
{
	(void)value;
}

void rt_exit(int status)
{
	(void)status;
	abort();
}

void rt_panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

void rt_log(const char *fmt, ...)
{
	(void)fmt;
}

void rt_random(void *out, size_t len)
{
	memset(out, 5, len);
}

size_t rt_memory_left(void)
{
	return 16u << 20;
}

bool rt_net_open(struct rt_net_info *info)
{
	*info = (struct rt_net_info){ .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = 1500, .features = RT_NET_CSUM | RT_NET_TSO };
	return true;
}

/* ---- the card ---- */

bool rt_net_send(const struct rt_piece *piece, uint32_t n, const struct rt_net_offload *offload,
	void (*done)(void *arg), void *arg)
{
	static uint8_t whole[FRAME];
	uint32_t len = 0;

	(void)offload;
	if (world.n_flight == FLIGHT)
		return false;
	for (uint32_t i = 0; i < n; len += piece[i++].len)
		memcpy(whole + len, piece[i].at, piece[i].len);
	world_hear(whole, len);
	world.flight[world.n_flight].done = done;
	world.flight[world.n_flight++].arg = arg;
	return true;
}

uint32_t rt_net_poll(void (*frame)(void *arg, const struct rt_piece *piece, uint32_t n, bool checked), void *arg,
	uint32_t max)
{
	uint32_t n = world.n_flight, len = world.len, cut = len > 20 ? 20 : len;
	struct rt_piece piece[] = { { world.frame, cut }, { world.frame + cut, len - cut } };

	(void)max;
	while (world.n_flight) {
		world.n_flight--;
		world.flight[world.n_flight].done(world.flight[world.n_flight].arg);
	}
	world.len = 0;
	if (len)
		frame(arg, piece, 2, true);
	return n + (len > 0);
}

/* ---- the other machine ---- */

uint32_t world_get(const uint8_t *p, uint32_t n)
{
	return n ? world_get(p, n - 1) << 8 | p[n - 1] : 0;
}

void world_put(uint8_t *p, uint32_t n, uint32_t value)
{
	for (; n; value >>= 8)
		p[--n] = (uint8_t)value;
}

void world_turn(void)
{
	for (uint32_t i = 0; i < world.turns; i++)
		net_turn(http_turn);
}

void world_pass(uint64_t ms)
{
	for (; ms > 250; ms -= 250) {
		world.now += 250 * MS;
		world_turn();
	}
	world.now += ms * MS;
	world_turn();
}

void world_arp(void)
{
	static const uint8_t request[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1,
		10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2 };

	memcpy(world.frame, request, sizeof request);
	world.len = sizeof request;
	world_turn();
}

void world_ip(uint8_t protocol, uint32_t len)
{
	uint8_t *f = world.frame;
	uint32_t sum = 0;

	memcpy(f, (const uint8_t[]){ 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0 }, 16);
	world_put(f + 16, 2, 20 + len);
	memset(f + 18, 0, 8);
	f[22] = 64;
	f[23] = protocol;
	world_put(f + 26, 4, PEER);
	world_put(f + 30, 4, GUEST);
	for (uint32_t i = IP; i < TCP; i += 2)
		sum += world_get(f + i, 2);
	sum = (sum & 0xffff) + (sum >> 16);
	world_put(f + 24, 2, ~(sum + (sum >> 16)));
	world.len = TCP + len;
	world_turn();
}

void world_tcp(const struct world_segment *s, const uint8_t *bytes, uint32_t n)
{
	uint8_t *t = world.frame + TCP;

	memset(t, 0, BYTES - TCP);
	world_put(t, 2, s->from);
	world_put(t + 2, 2, s->to);
	world_put(t + 4, 4, s->seq);
	world_put(t + 8, 4, s->ack);
	t[12] = s->flags & OPTIONS && !(n % 4) && n <= 40 ? (uint8_t)((20 + n) / 4 << 4) : 0x50;
	t[13] = s->flags & 63;
	world_put(t + 14, 2, s->window);
	if (n)
		memcpy(t + 20, bytes, n);
	world_ip(6, 20 + n);
}

void world_abort(void)
{
	while (tcp_active_pcbs)
		tcp_abort(tcp_active_pcbs);
	while (tcp_tw_pcbs)
		tcp_abort(tcp_tw_pcbs);
}

size_t world_start(void)
{
	if (!net_open() || !http_listen(PORT))
		abort();
	world_arp();
	world_pass(1000);
	return guard_used();
}
