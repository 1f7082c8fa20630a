/* SPDX-License-Identifier: Apache-2.0 */
/* 10^9 steps of Fibonacci's numbers modulo 2^64, checked by F(m + n) = F(m) F(n + 1) + F(m - 1) F(n). */
#include "ukvmm_fn.h"

enum { STEPS = 1000000000 };

struct pair {
	uint64_t f, next; /* F(n), F(n + 1) */
};

static struct pair by_steps(uint32_t n)
{
	struct pair p = { 0, 1 };

	while (n--) {
		p = (struct pair){ p.next, p.f + p.next };
		__asm__ volatile("" : "+r"(p.f)); /* each step is made, none folded into another */
	}
	return p;
}

static struct pair by_doubling(uint32_t n)
{
	struct pair p, d;

	if (!n)
		return (struct pair){ 0, 1 };
	p = by_doubling(n / 2);
	d = (struct pair){ p.f * (2 * p.next - p.f), p.f * p.f + p.next * p.next };
	return n & 1 ? (struct pair){ d.next, d.f + d.next } : d;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	struct pair p = by_steps(STEPS);

	(void)request;
	if (p.f != by_doubling(STEPS).f)
		response->status = 500;
	else
		fn_text(response, "%llu\n", (unsigned long long)p.f);
}
