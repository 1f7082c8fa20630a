/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of ukvmm_fn.h, and the program that serves a function. */
#include "ukvmm_fn.h"

#include <stdio.h>
#include <stdlib.h>

#include "net.h"
#include "server.h"
#include "ukvmm_rt.h"

enum { PORT = 8080, SETUP_FAILED = 3 };

/* A function that needs none has none. */
int fn_setup(void) __attribute__((weak));

void fn_text(struct fn_response *response, const char *fmt, ...)
{
	char line[512], *copy;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	copy = n < 0 ? NULL : malloc((size_t)n + 1);
	if (!copy) {
		response->status = 500;
		return;
	}
	va_start(args, fmt);
	vsnprintf(copy, (size_t)n + 1, fmt, args);
	va_end(args);
	response->body = response->arg = copy;
	response->body_len = (size_t)n;
	response->release = free;
}

const char *fn_env(const char *name)
{
	return rt_arg(name);
}

void fn_log(const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	rt_log("%s", line);
}

uint64_t fn_clock(void)
{
	return rt_now();
}

uint64_t fn_realtime(void)
{
	return rt_realtime();
}

void fn_random(void *out, size_t len)
{
	rt_random(out, len);
}

int rt_main(void)
{
	if (fn_setup && fn_setup()) {
		rt_log("the function's setup failed");
		return SETUP_FAILED;
	}
	if (!net_open()) {
		rt_log("no network card, or ip=, netmask=, gateway= are no addresses");
		return 1;
	}
	if (!http_listen(PORT))
		return 1;
	while (!net_up())
		net_turn(http_turn);
	rt_ready(1);
	for (;;)
		net_turn(http_turn);
}
