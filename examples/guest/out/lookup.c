/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's resolver, whose clock goes only while a question is open; what has passed since is made up for by the next. */
#define LWIP_DNS 1
#include "lwip/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "peer.h"
#include "ukvmm_rt.h"
#include "wait.h"

enum { NAME_MOST = 253, LABEL_MOST = 63, TICK_NS = 1000000000, AGAIN_NS = 20000000 };

/* lwIP cannot be told to forget a question: it belongs to both ends. */
struct question {
	struct task *task; /* NULL: nobody waits any more */
	bool answered, known;
	ip4_addr_t to;
};

static uint64_t ticked;
static uint32_t n_open;

static void tick(void)
{
	uint64_t now = rt_now();

	if (now - ticked > (uint64_t)DNS_MAX_TTL * TICK_NS)
		ticked = now - (uint64_t)DNS_MAX_TTL * TICK_NS;
	for (; now - ticked >= TICK_NS; ticked += TICK_NS)
		dns_tmr();
}

uint64_t lookup_turn(void)
{
	if (!n_open)
		return UINT64_MAX;
	tick();
	return ticked + TICK_NS;
}

/* dns=A.B.C.D[,A.B.C.D] goes before what DHCP told. */
static bool servers(void)
{
	static bool told;
	const char *word = told ? NULL : rt_arg("dns");
	char text[16];
	ip4_addr_t a;

	told = true;
	for (u8_t i = 0; word && i < DNS_MAX_SERVERS; i++) {
		size_t n = strcspn(word, ",");

		if (n < sizeof text) {
			memcpy(text, word, n);
			text[n] = 0;
			if (ip4addr_aton(text, &a))
				dns_setserver(i, &a);
		}
		word = word[n] ? word + n + 1 : NULL;
	}
	return !ip4_addr_isany(dns_getserver(0));
}

/* As a query can hold it, and nothing that would mean something to whoever else reads it. */
static bool is_name(const char *name)
{
	size_t label = 0, n = 0;

	for (; name[n]; n++) {
		char c = name[n];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			c == '_';

		if (n == NAME_MOST || (!letter && c != '.') || (c == '.' && !label) || (letter && label == LABEL_MOST))
			return false;
		label = letter ? label + 1 : 0;
	}
	return n;
}

static void on_answer(const char *name, const ip_addr_t *to, void *arg)
{
	struct question *q = arg;

	(void)name;
	n_open--;
	if (!q->task) {
		free(q);
		return;
	}
	q->answered = true;
	q->known = to;
	if (to)
		q->to = *to;
	task_wake(q->task);
}

static int wait_for(struct question *q, ip4_addr_t *to, uint64_t until)
{
	n_open++;
	net_wake(0); /* for lookup_turn to be called */
	while (!q->answered) {
		if (!task_wait(until) && !q->answered) {
			q->task = NULL;
			return -ETIMEDOUT;
		}
	}
	*to = q->to;
	return q->known ? 0 : -ENOENT;
}

static int ask(const char *name, ip4_addr_t *to, uint64_t until)
{
	struct question *q = calloc(1, sizeof *q);
	err_t err = q ? ERR_MEM : ERR_BUF;
	int rc;

	if (q)
		q->task = task_now();
	/* lwIP asks for some names at once, others have to be answered first */
	while (err == ERR_MEM) {
		uint64_t next = rt_now() + AGAIN_NS;

		err = dns_gethostbyname(name, to, on_answer, q);
		if (err != ERR_MEM)
			break;
		if (next >= until)
			err = ERR_TIMEOUT;
		else
			task_wait(next);
		tick();
	}
	rc = err == ERR_INPROGRESS ? wait_for(q, to, until) : err == ERR_OK ? 0 : err == ERR_TIMEOUT ? -ETIMEDOUT : -ENOMEM;
	if (err != ERR_INPROGRESS || q->answered)
		free(q);
	return rc;
}

int lookup(const char *name, ip4_addr_t *to, uint64_t until)
{
	if (ip4addr_aton(name, to))
		return 0;
	if (!is_name(name))
		return -EINVAL;
	if (!servers())
		return -EHOSTUNREACH;
	tick();
	return ask(name, to, until);
}

int fn_lookup(const char *name, uint8_t address[4], uint64_t until)
{
	ip4_addr_t to;
	int rc = !task_now() ? -ENETDOWN : !name ? -EINVAL : lookup(name, &to, task_until(until));

	if (!rc)
		memcpy(address, &to.addr, sizeof to.addr);
	return rc;
}
