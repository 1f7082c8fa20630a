/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that connects to others, which the runtime has no call for: lwIP's own are used.
 *	/try/A.B.C.D/PORT	begins to connect; what comes of it is seen later
 *	/seen			how each of them stands, in order: waiting, open, or refused
 */
#include <lwip/ip_addr.h>
#include <lwip/tcp.h>
#include <stdio.h>
#include <string.h>

#include "ukvmm_fn.h"

enum { TRIES = 16 };
enum state { WAITING, OPEN, REFUSED };
static enum state tries[TRIES];
static unsigned int n_tries;

static err_t on_open(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)pcb, (void)err;
	*(enum state *)arg = OPEN;
	return ERR_OK;
}

/* The other side said no, or lwIP has given up; a test ends long before that. */
static void on_error(void *arg, err_t err)
{
	if (err == ERR_RST)
		*(enum state *)arg = REFUSED;
}

static bool try_one(const char *path)
{
	unsigned int a, b, c, d, port;
	struct tcp_pcb *pcb;
	ip_addr_t to;

	if (sscanf(path, "/try/%u.%u.%u.%u/%u", &a, &b, &c, &d, &port) != 5 || n_tries == TRIES)
		return false;
	pcb = tcp_new();
	if (!pcb)
		return false;
	IP_ADDR4(&to, (u8_t)a, (u8_t)b, (u8_t)c, (u8_t)d);
	tcp_arg(pcb, &tries[n_tries++]);
	tcp_err(pcb, on_error);
	return tcp_connect(pcb, &to, (u16_t)port, on_open) == ERR_OK;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	static const char *const names[] = { "waiting", "open", "refused" };
	char text[TRIES * 10] = "", path[64];

	snprintf(path, sizeof path, "%.*s", (int)request->path.len, request->path.at);
	if (!fn_is(request->path, "/seen")) {
		response->status = try_one(path) ? 202 : 400;
		return;
	}
	for (unsigned int i = 0; i < n_tries; i++) {
		strlcat(text, i ? " " : "", sizeof text);
		strlcat(text, names[tries[i]], sizeof text);
	}
	fn_text(response, "%s", text);
}
