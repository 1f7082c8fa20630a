/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that asks others, lwIP and stacks and all, with a hostile server and a hostile resolver: an input is a list of
 * what they do. handle() ends in time each time, one client after the other is answered, and with their connections
 * the network stack gives back all it had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "guard.h"
#include "guest-world.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

enum { ASKS = 4, PATIENCE_MS = 4000 };

/* One of the guest's connections to us, as we know of it. */
struct peer {
	uint16_t port;
	uint32_t seq, got;
};

static struct peer peer[ASKS];
static uint32_t n_peers, n_asked;
static uint16_t query_port, query_id;
static int asking;

const char *rt_arg(const char *name)
{
	return !strcmp(name, "ip") ? "10.9.0.2/24" : !strcmp(name, "dns") ? "10.9.0.1" : NULL;
}

void world_hear(const uint8_t *f, uint32_t len)
{
	uint32_t payload;

	if (len >= UDP_BYTES + 2 && f[12] == 8 && f[23] == 17) {
		query_port = (uint16_t)world_get(f + TCP, 2);
		query_id = (uint16_t)world_get(f + UDP_BYTES, 2);
	}
	if (len < BYTES || f[12] != 8 || f[13] || f[23] != 6 || world_get(f + TCP + 2, 2) != 80)
		return;
	if (f[TCP + 13] & SYN)
		peer[n_peers++ % ASKS] = (struct peer){ (uint16_t)world_get(f + TCP, 2), 77, world_get(f + TCP + 4, 4) + 1 };
	payload = len - TCP - (f[TCP + 12] >> 4) * 4u;
	for (uint32_t i = 0; i < ASKS; i++) {
		struct peer *p = &peer[i];

		if (p->port == world_get(f + TCP, 2) && p->got == world_get(f + TCP + 4, 4))
			p->got += payload + (f[TCP + 13] & FIN);
	}
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

	asking++;
	n_asked++;
	rc = fn_call(&call, &answer);
	if (!rc)
		rc = fn_answer_body(answer, 100000, &body, &len);
	fn_text(response, "%d %zu", rc, len);
	fn_hang_up(answer);
	asking--;
}

/* ---- what they do ---- */

static void tcp(uint16_t from, uint16_t to, uint32_t seq, uint32_t ack, uint8_t flags, const uint8_t *bytes, uint32_t n)
{
	const struct world_segment s = { from, to, 60000, seq, ack, flags };

	world_tcp(&s, bytes, n);
}

static void say(struct peer *p, uint8_t flags, const uint8_t *bytes, uint32_t n)
{
	tcp(80, p->port, p->seq, p->got, flags, bytes, n);
	p->seq += n + ((flags & (SYN | FIN)) != 0);
}

static void answer_query(const uint8_t *bytes, uint32_t n, uint16_t id)
{
	uint8_t *u = world.frame + TCP;

	world_put(u, 2, 53);
	world_put(u + 2, 2, query_port);
	world_put(u + 4, 2, 10 + n);
	world_put(u + 6, 2, 0);
	world_put(u + 8, 2, id);
	if (n)
		memcpy(u + 10, bytes, n);
	world_ip(17, 10 + n);
}

/* What the resolver ought to say. */
static void good_answer(void)
{
	static const uint8_t said[] = { 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 4, 'n', 'a', 'm', 'e', 0, 0, 1, 0, 1,
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 9, 0, 1 };

	answer_query(said, sizeof said, query_id);
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
		world_pass(1ull << (n % 13));
		break;
	case 7:
		good_answer();
		break;
	case 8:
		answer_query(bytes, n, n & 1 ? query_id : (uint16_t)n);
		break;
	default:
		say(p, ACK | PSH, bytes, n);
	}
}

static void forget(void)
{
	/* some at a time, each for as long as it may take; an input has bytes for half as many clients */
	for (uint32_t n = 0; n < 4096 / 4 && (asking || conn_first_turn()); n++)
		world_pass(PATIENCE_MS);
	if (asking || conn_first_turn()) {
		fprintf(stderr, "%d of %u are asking still\n", asking, n_asked);
		abort();
	}
	world_abort();
	while (udp_pcbs) /* lwIP asks on for a while, where there is a question */
		world_pass(1000);
	memset(peer, 0, sizeof peer);
	n_peers = 0;
	world_pass(7000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static size_t used;

	world.turns = 2; /* a handle() that was waited for goes on in the next */
	if (!used)
		used = world_start();
	world_arp();
	for (size_t at = 0; at + 2 <= len;) {
		uint32_t n = data[at + 1];

		n = data[at] & 32 ? n * 12 : n;
		n = n > len - at - 2 ? (uint32_t)(len - at - 2) : n;
		n = n > 1460 ? 1460 : n;
		step(data[at], &peer[data[at] >> 6], data + at + 2, n);
		at += 2 + n;
	}
	forget();
	if (guard_used() != used) {
		fprintf(stderr, "%zu bytes instead of %zu\n", guard_used(), used);
		abort();
	}
	return 0;
}
