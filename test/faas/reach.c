/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that connects to others, which the runtime has no call for: lwIP's own are used. What comes of it is seen
 * later.
 *	/try/A.B.C.D/PORT	begins to connect
 *	/tell/A.B.C.D/PORT	sends a datagram
 *	/forge/A.B.C.D/PORT	the same with its neighbour's address as source
 *	/push/A.B.C.D/PORT	connects and sends 2 MiB; open: all of it has arrived
 *	/ping/A.B.C.D/0		sends an echo request
 *	/ask/NAME		asks word `dns` of the command line for the address of NAME
 *	/call/NAME		asks another function, where word `functions` says
 *	/seen			how each of them stands, in order: waiting, open, refused; an address for a name,
 *				a status for a call
 */
#include <lwip/etharp.h>
#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip4.h>
#include <lwip/ip_addr.h>
#include <lwip/netif.h>
#include <lwip/prot/icmp.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>
#include <stdio.h>
#include <string.h>

#include "ukvmm_fn.h"

enum { TRIES = 32, QUERY_MAX = 128, HEAD = 12, PIECE = 32768, PUSHED = 64 * PIECE };
enum state { WAITING, OPEN, REFUSED };
static struct try {
	enum state state;
	char text[20];
	size_t sent, acked;
} tries[TRIES];
static unsigned int n_tries;

static err_t on_open(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)pcb, (void)err;
	((struct try *)arg)->state = OPEN;
	return ERR_OK;
}

/* The other side said no, or lwIP has given up; a test ends long before that. */
static void on_error(void *arg, err_t err)
{
	if (err == ERR_RST)
		((struct try *)arg)->state = REFUSED;
}

static bool connect_to(const ip_addr_t *to, unsigned int port, struct try *t)
{
	struct tcp_pcb *pcb = tcp_new();

	if (!pcb)
		return false;
	tcp_arg(pcb, t);
	tcp_err(pcb, on_error);
	return tcp_connect(pcb, to, (u16_t)port, on_open) == ERR_OK;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	struct try *t = arg;
	u8_t a[4];

	(void)pcb, (void)from, (void)port;
	t->state = OPEN;
	/* an answer to a query ends in an address */
	if (p->tot_len > HEAD && pbuf_copy_partial(p, a, sizeof a, (u16_t)(p->tot_len - sizeof a)) == sizeof a)
		snprintf(t->text, sizeof t->text, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
	pbuf_free(p);
}

static bool send(const ip_addr_t *to, unsigned int port, struct try *t, const void *bytes, size_t len, bool forge)
{
	struct udp_pcb *pcb = udp_new();
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
	ip_addr_t source = *netif_ip_addr4(netif_default);

	if (!pcb || !p)
		return false;
	udp_recv(pcb, on_datagram, t);
	memcpy(p->payload, bytes, len);
	if (forge)
		source.addr ^= lwip_htonl(4);
	return udp_sendto_if_src(pcb, p, to, (u16_t)port, netif_default, &source) == ERR_OK;
}

/* What is longer than a frame is the card's to cut. */
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	static const char bytes[PIECE];
	struct try *t = arg;

	t->acked += len;
	if (t->acked >= PUSHED)
		t->state = OPEN;
	while (t->sent < PUSHED && tcp_write(pcb, bytes, sizeof bytes, 0) == ERR_OK)
		t->sent += PIECE;
	return tcp_output(pcb);
}

static err_t on_push(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)err;
	tcp_sent(pcb, on_sent);
	return on_sent(arg, pcb, 0);
}

static bool push(const ip_addr_t *to, unsigned int port, struct try *t)
{
	struct tcp_pcb *pcb = tcp_new();

	if (!pcb)
		return false;
	tcp_arg(pcb, t);
	tcp_err(pcb, on_error);
	return tcp_connect(pcb, to, (u16_t)port, on_push) == ERR_OK;
}

static bool ping(const ip_addr_t *to)
{
	struct icmp_echo_hdr head = { .type = ICMP_ECHO, .id = 1 };
	struct pbuf *p = pbuf_alloc(PBUF_IP, sizeof head, PBUF_RAM);

	if (!p)
		return false;
	head.chksum = inet_chksum(&head, sizeof head);
	memcpy(p->payload, &head, sizeof head);
	return ip4_output_if(p, NULL, to, 64, 0, IP_PROTO_ICMP, netif_default) == ERR_OK;
}

/* A query for an address, as RFC 1035 §4.1 has it. */
static bool ask(const char *name, struct try *t)
{
	char query[QUERY_MAX] = { 0, 7, 1, 0, 0, 1 };
	const char *server = fn_env("dns");
	size_t at = HEAD;
	ip_addr_t to;

	if (!server || !ipaddr_aton(server, &to) || strlen(name) > QUERY_MAX / 2)
		return false;
	while (*name) {
		size_t n = strcspn(name, ".");

		query[at++] = (char)n;
		memcpy(query + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	at++;
	query[at + 1] = query[at + 3] = 1;
	return send(&to, 53, t, query, at + 4, false);
}

/* lwIP looks for link-local addresses on its own link only; Linux asks the gateway, and so do we. */
static err_t by_gateway(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
	return etharp_output(netif, p, ip4_addr_islinklocal(to) ? netif_ip4_gw(netif) : to);
}

/* Of an answer its status is kept. */
static err_t on_answer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct try *t = arg;

	(void)err;
	if (!p)
		return ERR_OK;
	if (!t->text[0])
		pbuf_copy_partial(p, t->text, 3, 9);
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

static err_t on_called(void *arg, struct tcp_pcb *pcb, err_t err)
{
	static const char head[] = "GET /function/", tail[] = " HTTP/1.1\r\nHost: gateway\r\n\r\n";
	struct try *t = arg;
	char name[sizeof t->text];

	(void)err;
	memcpy(name, t->text, sizeof name);
	memset(t->text, 0, sizeof t->text);
	tcp_recv(pcb, on_answer);
	tcp_write(pcb, head, sizeof head - 1, TCP_WRITE_FLAG_COPY);
	tcp_write(pcb, name, (u16_t)strlen(name), TCP_WRITE_FLAG_COPY);
	return tcp_write(pcb, tail, sizeof tail - 1, TCP_WRITE_FLAG_COPY);
}

static bool call(const char *name, struct try *t)
{
	const char *where = fn_env("functions");
	struct tcp_pcb *pcb = tcp_new();
	unsigned int a, b, c, d, port;
	ip_addr_t to;

	if (!pcb || !where || sscanf(where, "http://%u.%u.%u.%u:%u/function", &a, &b, &c, &d, &port) != 5)
		return false;
	IP_ADDR4(&to, (u8_t)a, (u8_t)b, (u8_t)c, (u8_t)d);
	strlcpy(t->text, name, sizeof t->text);
	tcp_arg(pcb, t);
	tcp_err(pcb, on_error);
	return tcp_connect(pcb, &to, (u16_t)port, on_called) == ERR_OK;
}

static bool begin(const char *path)
{
	static const char one[] = "x";
	unsigned int a, b, c, d, port;
	char verb[8], name[40];
	struct try *t = &tries[n_tries];
	ip_addr_t to;

	if (n_tries == TRIES)
		return false;
	n_tries++;
	netif_default->output = by_gateway;
	if (sscanf(path, "/ask/%39s", name) == 1)
		return ask(name, t);
	if (sscanf(path, "/call/%19s", name) == 1)
		return call(name, t);
	if (sscanf(path, "/%7[a-z]/%u.%u.%u.%u/%u", verb, &a, &b, &c, &d, &port) != 6)
		return false;
	IP_ADDR4(&to, (u8_t)a, (u8_t)b, (u8_t)c, (u8_t)d);
	if (strcmp(verb, "try") == 0)
		return connect_to(&to, port, t);
	if (strcmp(verb, "push") == 0)
		return push(&to, port, t);
	if (strcmp(verb, "ping") == 0)
		return ping(&to);
	return send(&to, port, t, one, 1, strcmp(verb, "forge") == 0);
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	static const char *const names[] = { "waiting", "open", "refused" };
	char text[TRIES * 20] = "", path[64];

	snprintf(path, sizeof path, "%.*s", (int)request->path.len, request->path.at);
	if (!fn_is(request->path, "/seen")) {
		response->status = begin(path) ? 202 : 400;
		return;
	}
	for (unsigned int i = 0; i < n_tries; i++) {
		strlcat(text, i ? " " : "", sizeof text);
		strlcat(text, tries[i].text[0] ? tries[i].text : names[tries[i].state], sizeof text);
	}
	fn_text(response, "%s", text);
}
