/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that asks others, lwIP and stacks and all, with a hostile server and a hostile resolver: an input is a list of
 * what they do. handle() ends in time each time, one client after the other is answered, and with their connections
 * the network stack gives back all it had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "net.h"
#include "server.h"
#include "task.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

enum { MS = 1000000, GUEST = 0x0a090002, PEER = 0x0a090001, FRAME = 66000, FLIGHT = 64, ASKS = 4, PATIENCE_MS = 4000 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, IP = 14, TCP = 34, BYTES = 54, UDP_BYTES = 42 };

/* One of the guest's connections to us, as we know of it. */
struct peer {
	uint16_t port;
	uint32_t seq, got;
};

static struct {
	uint64_t now;
	struct peer peer[ASKS];
	uint32_t n_peers;
	uint16_t query_port, query_id;
	uint8_t frame[FRAME];
	uint32_t len;
	struct {
		void (*done)(void *arg);
		void *arg;
	} flight[FLIGHT];
	uint32_t n_flight;
	int asking;
	uint32_t n_asked;
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
	return !strcmp(name, "ip") ? "10.9.0.2/24" : !strcmp(name, "dns") ? "10.9.0.1" : NULL;
}

size_t rt_memory_left(void)
{
	return 16u << 20;
}

bool rt_net_open(struct rt_net_info *info)
{
	*info = (struct rt_net_info){ .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = 1500, .features = RT_NET_CSUM };
	return true;
}

static uint32_t be(const uint8_t *p, uint32_t n)
{
	return n ? be(p, n - 1) << 8 | p[n - 1] : 0;
}

static void put(uint8_t *p, uint32_t n, uint32_t v)
{
	for (; n; v >>= 8)
		p[--n] = (uint8_t)v;
}

static void hear(const uint8_t *f, uint32_t len)
{
	uint32_t payload;

	if (len >= UDP_BYTES + 2 && f[12] == 8 && f[23] == 17) {
		world.query_port = (uint16_t)be(f + TCP, 2);
		world.query_id = (uint16_t)be(f + UDP_BYTES, 2);
	}
	if (len < BYTES || f[12] != 8 || f[13] || f[23] != 6 || be(f + TCP + 2, 2) != 80)
		return;
	if (f[TCP + 13] & SYN)
		world.peer[world.n_peers++ % ASKS] = (struct peer){ (uint16_t)be(f + TCP, 2), 77, be(f + TCP + 4, 4) + 1 };
	payload = len - TCP - (f[TCP + 12] >> 4) * 4u;
	for (uint32_t i = 0; i < ASKS; i++) {
		struct peer *p = &world.peer[i];

		if (p->port == be(f + TCP, 2) && p->got == be(f + TCP + 4, 4))
			p->got += payload + (f[TCP + 13] & FIN);
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
	struct rt_piece piece = { world.frame, world.len };
	uint32_t n = world.n_flight + (world.len > 0);

	(void)max;
	while (world.n_flight) {
		world.n_flight--;
		world.flight[world.n_flight].done(world.flight[world.n_flight].arg);
	}
	world.len = 0;
	if (piece.len)
		frame(arg, &piece, 1, true);
	return n;
}

/* ---- the function ---- */

void handle(const struct fn_request *request, struct fn_response *response)
{
	static char bytes[3000];
	struct fn_call call = { .url = request->path.at[1] == 'n' ? "http://a.name/x" : "http://10.9.0.1/x",
		.until = fn_in(PATIENCE_MS), .body = bytes, .body_len = request->path.at[1] == 'p' ? sizeof bytes : 0 };
	struct fn_answer *answer;
	const char *body;
	size_t len = 0;
	int rc;

	world.asking++;
	world.n_asked++;
	rc = fn_call(&call, &answer);
	if (!rc)
		rc = fn_answer_body(answer, 100000, &body, &len);
	fn_text(response, "%d %zu", rc, len);
	fn_hang_up(answer);
	world.asking--;
}

/* ---- what they do ---- */

static void turn(void)
{
	net_turn(http_turn);
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

static void ip(uint8_t protocol, uint32_t len)
{
	uint8_t *f = world.frame;
	uint32_t sum = 0;

	memcpy(f, (const uint8_t[]){ 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0 }, 16);
	put(f + 16, 2, 20 + len);
	memset(f + 18, 0, 8);
	f[22] = 64;
	f[23] = protocol;
	put(f + 26, 4, PEER);
	put(f + 30, 4, GUEST);
	for (uint32_t i = IP; i < TCP; i += 2)
		sum += be(f + i, 2);
	sum = (sum & 0xffff) + (sum >> 16);
	put(f + 24, 2, ~(sum + (sum >> 16)));
	world.len = TCP + len;
	turn();
}

static void tcp(uint16_t from, uint16_t to, uint32_t seq, uint32_t ack, uint8_t flags, const uint8_t *bytes, uint32_t n)
{
	uint8_t *t = world.frame + TCP;

	memset(t, 0, 20);
	put(t, 2, from);
	put(t + 2, 2, to);
	put(t + 4, 4, seq);
	put(t + 8, 4, ack);
	t[12] = 0x50;
	t[13] = flags;
	put(t + 14, 2, 60000);
	if (n)
		memcpy(t + 20, bytes, n);
	ip(6, 20 + n);
}

static void say(struct peer *p, uint8_t flags, const uint8_t *bytes, uint32_t n)
{
	tcp(80, p->port, p->seq, p->got, flags, bytes, n);
	p->seq += n + ((flags & (SYN | FIN)) != 0);
}

static void answer_query(const uint8_t *bytes, uint32_t n, uint16_t id)
{
	uint8_t *u = world.frame + TCP;

	put(u, 2, 53);
	put(u + 2, 2, world.query_port);
	put(u + 4, 2, 10 + n);
	put(u + 6, 2, 0);
	put(u + 8, 2, id);
	if (n)
		memcpy(u + 10, bytes, n);
	ip(17, 10 + n);
}

/* What the resolver ought to say. */
static void good_answer(void)
{
	static const uint8_t said[] = { 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 4, 'n', 'a', 'm', 'e', 0, 0, 1, 0, 1,
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 9, 0, 1 };

	answer_query(said, sizeof said, world.query_id);
}

static void client(char path)
{
	static uint16_t port;
	char text[] = "GET /? HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

	text[5] = path;
	port = (uint16_t)(20000 + (port + 1) % 20000);
	tcp(port, 8080, 7, 0, SYN, NULL, 0);
	/* the initial sequence number is not a secret here: the SYN is answered, and that is acknowledged */
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (pcb->local_port == 8080 && pcb->remote_port == port) {
			tcp(port, 8080, 8, pcb->snd_nxt, ACK | PSH, (const uint8_t *)text, sizeof text - 1);
			return;
		}
	}
}

static void step(uint8_t what, struct peer *p, const uint8_t *bytes, uint32_t n)
{
	switch (what & 15) {
	case 0:
		client("xnpx"[n & 3]);
		break;
	case 1:
		say(p, SYN | ACK, NULL, 0);
		break;
	case 2:
		say(p, ACK | FIN, bytes, n);
		break;
	case 3:
		tcp(80, p->port, n ? p->seq + bytes[0] : p->seq, p->got, RST | ACK, NULL, 0);
		break;
	case 4:
		tcp(80, p->port, p->seq - n, p->got - (n & 1), (uint8_t)(what >> 4), bytes, n);
		break;
	case 5:
		tcp(80, p->port, p->seq + (n ? bytes[0] : 1), p->got, ACK, bytes, n);
		break;
	case 6:
		pass(1ull << (n % 13));
		break;
	case 7:
		good_answer();
		break;
	case 8:
		answer_query(bytes, n, n & 1 ? world.query_id : (uint16_t)n);
		break;
	default:
		say(p, ACK | PSH, bytes, n);
	}
}

static void forget(void)
{
	pass(2 * PATIENCE_MS);
	if (world.asking) {
		fprintf(stderr, "%d of %u are asking still\n", world.asking, world.n_asked);
		abort();
	}
	while (tcp_active_pcbs)
		tcp_abort(tcp_active_pcbs);
	while (tcp_tw_pcbs)
		tcp_abort(tcp_tw_pcbs);
	while (udp_pcbs) /* lwIP asks on for a while, where there is a question */
		pass(1000);
	memset(world.peer, 0, sizeof world.peer);
	world.n_peers = 0;
	pass(7000);
}

static size_t start(void)
{
	if (!net_open() || !http_listen(8080))
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

		n = data[at] & 32 ? n * 12 : n;
		n = n > len - at - 2 ? (uint32_t)(len - at - 2) : n;
		n = n > 1460 ? 1460 : n;
		step(data[at], &world.peer[data[at] >> 6], data + at + 2, n);
		at += 2 + n;
	}
	forget();
	if (guard_used() != used) {
		fprintf(stderr, "%zu bytes instead of %zu\n", guard_used(), used);
		abort();
	}
	return 0;
}
