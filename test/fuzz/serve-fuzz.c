/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function runtime's server, lwIP and all, with hostile clients: an input is a list of what up to four of them do.
 * Nothing is read or written beside its memory, each response is released once, and with its connections the server and
 * the network stack give back all they had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "lwip/priv/tcp_priv.h"
#include "net.h"
#include "server.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

enum { CLIENTS = 4, FLIGHT = 64, FRAME = 66000, MS = 1000000, GUEST = 0x0a090002, PEER = 0x0a090001, PORT = 8080 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, HEADERS = 54 };

struct client {
	uint16_t port, window;
	uint32_t seq, got, theirs; /* what we send next; have from them; they have from us */
};

static struct {
	uint64_t now;
	struct client client[CLIENTS];
	uint16_t ports;
	struct {
		void (*done)(void *arg);
		void *arg;
	} flight[FLIGHT];
	uint32_t n_flight;
	uint8_t frame[FRAME];
	uint32_t len; /* of a frame that comes next */
	int held;     /* responses not yet released */
} world;

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

const char *rt_arg(const char *name)
{
	return !strcmp(name, "ip") ? "10.9.0.2/24" : !strcmp(name, "http.connections") ? "3" : NULL;
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

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (uint32_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* What the guest sent to a client of ours. */
static void hear(const uint8_t *f, uint32_t len)
{
	uint32_t head = len >= HEADERS ? (f[46] >> 4) * 4u : 0, payload;

	if (len < HEADERS || f[12] != 8 || f[13] || f[23] != 6)
		return;
	payload = len - 34 - head;
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client *c = &world.client[i];

		if (c->port != (f[36] << 8 | f[37]))
			continue;
		if (f[47] & SYN || be32(f + 38) == c->got)
			c->got = be32(f + 38) + payload + (f[47] & (SYN | FIN) ? 1 : 0);
		if (f[47] & ACK)
			c->theirs = be32(f + 42);
	}
}

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
	hear(whole, len);
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

/* ---- the function ---- */

static void released(void *arg)
{
	world.held--;
	free(arg);
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	static const char large[300000];
	volatile uint32_t sum = 0;

	for (size_t i = 0; i < request->body_len; i++)
		sum += ((const uint8_t *)request->body)[i];
	for (uint32_t i = 0; i < request->n_headers; i++)
		sum += (uint32_t)(request->header[i].name.len + (request->header[i].value.len && *request->header[i].value.at));
	if (fn_is(request->path, "/bad"))
		response->status = (int)(sum % 1000);
	if (fn_is(request->path, "/none"))
		response->status = 204;
	response->arg = malloc(request->body_len + 1);
	response->release = released;
	response->body = response->arg;
	response->body_len = request->body_len;
	memcpy(response->arg, request->body, request->body_len);
	world.held++;
	if (fn_is(request->path, "/large")) {
		response->body = large;
		response->body_len = sizeof large;
	}
}

/* ---- the clients ---- */

static void turn(void)
{
	net_turn(http_turn);
}

static void pass(uint64_t ms)
{
	for (; ms > 250; ms -= 250) {
		world.now += 250 * MS;
		turn();
	}
	world.now += ms * MS;
	turn();
}

static void arp(void)
{
	static const uint8_t request[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1,
		10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2 };

	memcpy(world.frame, request, sizeof request);
	world.len = sizeof request;
	turn();
}

static void say(struct client *c, uint32_t seq, uint8_t flags, const uint8_t *bytes, uint32_t n)
{
	uint8_t *f = world.frame;
	uint32_t sum = 0;

	memset(f, 0, HEADERS);
	memcpy(f, (const uint8_t[]){ 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45 }, 15);
	put16(f + 16, 40 + n);
	f[22] = 64;
	f[23] = 6;
	put32(f + 26, PEER);
	put32(f + 30, GUEST);
	for (uint32_t i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(f + 24, ~(sum + (sum >> 16)));
	put16(f + 34, c->port);
	put16(f + 36, PORT);
	put32(f + 38, seq);
	put32(f + 42, c->got);
	f[46] = 0x50;
	f[47] = flags;
	put16(f + 48, c->window);
	if (n)
		memcpy(f + HEADERS, bytes, n);
	if (flags & SYN && n >= 4 && !(n % 4) && n <= 40) /* they are options */
		f[46] = (uint8_t)((20 + n) / 4 << 4);
	world.len = HEADERS + n;
	turn();
}

static void begin(struct client *c, const uint8_t *options, uint32_t n)
{
	*c = (struct client){ .port = (uint16_t)(20000 + world.ports++ % 20000), .window = 65535, .seq = 77 };
	say(c, c->seq++, SYN, options, n);
	c->theirs = c->seq;
	say(c, c->seq, ACK, NULL, 0);
}

static void end(struct client *c)
{
	if (c->port)
		say(c, c->theirs, RST, NULL, 0);
	*c = (struct client){ 0 };
}

static void sends(struct client *c, const uint8_t *bytes, uint32_t n, uint8_t flags)
{
	say(c, c->seq, ACK | PSH | flags, bytes, n);
	c->seq += n + (flags & FIN);
}

/* One step of an input: what, who, and bytes. */
static void step(uint8_t what, struct client *c, const uint8_t *bytes, uint32_t n)
{
	switch (what & 15) {
	case 0:
		end(c);
		begin(c, bytes, n);
		break;
	case 1:
		sends(c, bytes, n, FIN);
		break;
	case 2:
		c->window = n ? (uint16_t)(bytes[0] << (n & 8)) : 65535;
		say(c, c->seq, ACK, NULL, 0);
		break;
	case 3: /* beyond what they expect */
		say(c, c->seq + (n ? bytes[0] : 1), ACK | (what & 16 ? FIN : 0), bytes, n);
		break;
	case 4: /* once more */
		say(c, c->seq - n, ACK, bytes, n);
		break;
	case 5:
		say(c, n ? c->seq + bytes[0] : c->theirs, n & 1 ? RST : SYN, NULL, 0);
		break;
	case 6:
		pass(1ull << (n % 17));
		break;
	case 7:
		memcpy(world.frame + 14, bytes, n);
		world.len = 14 + n;
		turn();
		break;
	default:
		sends(c, bytes, n, 0);
	}
}

/* Ends all connections: some would last for minutes. */
static void forget(void)
{
	while (tcp_active_pcbs)
		tcp_abort(tcp_active_pcbs);
	while (tcp_tw_pcbs)
		tcp_abort(tcp_tw_pcbs);
	memset(world.client, 0, sizeof world.client);
	pass(7000); /* what waits for somebody's address is given up */
}

static size_t start(void)
{
	if (!net_open() || !http_listen(PORT))
		abort();
	arp();
	pass(1000);
	return guard_used();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static size_t used;

	if (!used)
		used = start();
	arp();
	for (size_t at = 0; at + 2 <= len;) {
		uint32_t n = data[at + 1];

		/* the upper bits of the first byte: who; of a larger step the length counts twelvefold */
		n = data[at] & 32 ? n * 12 : n;
		n = n > len - at - 2 ? (uint32_t)(len - at - 2) : n;
		step(data[at], &world.client[data[at] >> 6], data + at + 2, n > 1460 ? 1460 : n);
		at += 2 + n;
	}
	forget();
	if (world.held || guard_used() != used) {
		fprintf(stderr, "%d responses are held; %zu bytes instead of %zu\n", world.held, guard_used(), used);
		abort();
	}
	return 0;
}
