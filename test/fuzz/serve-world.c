/* SPDX-License-Identifier: Apache-2.0 */
#include "serve-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

struct world world;
const struct tasks tasks_at; /* a function that waits for nobody */

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

uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
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
