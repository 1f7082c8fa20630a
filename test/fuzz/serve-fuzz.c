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
#include "guest-world.h"
#include "task.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

enum { CLIENTS = 4 };

static struct client {
	uint16_t port, window;
	uint32_t seq, got, theirs; /* what we send next; have from them; they have from us */
} client[CLIENTS];
static int held; /* responses not yet released */

const struct tasks tasks_at; /* a function that waits for nobody */

const char *rt_arg(const char *name)
{
	return !strcmp(name, "ip") ? "10.9.0.2/24" : !strcmp(name, "http.connections") ? "3" : NULL;
}

/* What the guest sent to a client of ours. */
void world_hear(const uint8_t *f, uint32_t len)
{
	uint32_t head = len >= BYTES ? (f[TCP + 12] >> 4) * 4u : 0, payload;

	if (len < BYTES || f[12] != 8 || f[13] || f[23] != 6)
		return;
	payload = len - TCP - head;
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client *c = &client[i];

		if (c->port != world_get(f + TCP + 2, 2))
			continue;
		if (f[TCP + 13] & SYN || world_get(f + TCP + 4, 4) == c->got)
			c->got = world_get(f + TCP + 4, 4) + payload + (f[TCP + 13] & (SYN | FIN) ? 1 : 0);
		if (f[TCP + 13] & ACK)
			c->theirs = world_get(f + TCP + 8, 4);
	}
}

/* ---- the function ---- */

static void released(void *arg)
{
	held--;
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
	held++;
	if (fn_is(request->path, "/large")) {
		response->body = large;
		response->body_len = sizeof large;
	}
}

/* ---- what they do ---- */

static void say(const struct client *c, uint32_t seq, uint8_t flags, const uint8_t *bytes, uint32_t n)
{
	const struct world_segment s = { c->port, PORT, c->window, seq, c->got, flags };

	world_tcp(&s, bytes, n);
}

static void begin(struct client *c, const uint8_t *options, uint32_t n)
{
	static uint16_t ports;

	*c = (struct client){ .port = (uint16_t)(20000 + ports++ % 20000), .window = 65535, .seq = 77 };
	say(c, c->seq++, SYN | OPTIONS, options, n);
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
		world_pass(1ull << (n % 17));
		break;
	case 7:
		memcpy(world.frame + 14, bytes, n);
		world.len = 14 + n;
		world_turn();
		break;
	case 9: /* options where none belong */
		say(c, c->seq, ACK | OPTIONS, bytes, n);
		break;
	default:
		sends(c, bytes, n, 0);
	}
}

static void forget(void)
{
	world_abort();
	memset(client, 0, sizeof client);
	world_pass(7000); /* what waits for somebody's address is given up */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static size_t used;

	world.turns = 1;
	if (!used)
		used = world_start();
	world_arp();
	for (size_t at = 0; at + 2 <= len;) {
		uint32_t n = data[at + 1];

		/* the upper bits of the first byte: who; of a larger step the length counts twelvefold */
		n = data[at] & 32 ? n * 12 : n;
		n = n > len - at - 2 ? (uint32_t)(len - at - 2) : n;
		step(data[at], &client[data[at] >> 6], data + at + 2, n > 1460 ? 1460 : n);
		at += 2 + n;
	}
	forget();
	if (held || guard_used() != used) {
		fprintf(stderr, "%d responses are held; %zu bytes instead of %zu\n", held, guard_used(), used);
		abort();
	}
	return 0;
}
