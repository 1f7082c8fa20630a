/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "mixed.h"

enum { PIPE = 1 << 20, SETTLE_MS = 60000, TURN_MS = 100 };

static int ends[2] = { -1, -1 };
static char text[65536];
static size_t have;

int log_open(void)
{
	if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		bench_die("pipe: %s", strerror(errno));
	fcntl(ends[0], F_SETPIPE_SZ, PIPE); /* the server waits where nobody reads what it says */
	return ends[1];
}

int log_fd(void)
{
	return ends[0];
}

/* request CLIENT "METHOD TARGET" STATUS[ cut] SECONDS IN OUT ID INSTANCE */
static void take_request(const char *line)
{
	const char *rest = strrchr(line, '"');
	char id[80], instance[96];
	unsigned int status;
	bool cut;

	if (!rest || sscanf(rest + 1, "%u", &status) != 1)
		return;
	cut = strstr(rest, " cut ");
	if (sscanf(rest + 1, cut ? "%*u cut %*s %*s %*s %79s %95s" : "%*u %*s %*s %*s %79s %95s", id, instance) != 2)
		return;
	if (strncmp(id, "mixed-", 6) == 0)
		calls_logged((uint32_t)strtoul(id + 6, NULL, 10), status, cut, instance);
}

/* instance NAME of FUNCTION: died: TEXT */
static void take_instance(const char *line)
{
	char instance[96], function[96];
	const char *died = strstr(line, ": died: ");

	if (died && sscanf(line, "instance %95s of %95[^:]", instance, function) == 2)
		calls_died(instance, function, died + 8);
}

static void take(const char *line)
{
	if (strncmp(line, "request ", 8) == 0)
		take_request(line);
	else if (strncmp(line, "instance ", 9) == 0)
		take_instance(line);
	else if (strstr(line, "ERROR: ") || strstr(line, "runtime error"))
		mixed_complain("the server says: %s", line);
}

void log_read(void)
{
	char *end, *at;
	ssize_t n;

	while ((n = read(ends[0], text + have, sizeof text - 1 - have)) > 0) {
		have += (size_t)n;
		text[have] = 0;
		for (at = text; (end = strchr(at, '\n')); at = end + 1) {
			*end = 0;
			take(at);
		}
		have -= (size_t)(at - text);
		memmove(text, at, have);
		if (have == sizeof text - 1)
			have = 0; /* no line of ours is that long */
	}
}

/* The server writes a request's line when it is done with it, which is a moment after the client is. */
void log_settle(void)
{
	struct pollfd p = { .fd = ends[0], .events = POLLIN };
	double until = bench_now_ms() + SETTLE_MS;

	log_read();
	while (!calls_told() && bench_now_ms() < until) {
		poll(&p, 1, TURN_MS);
		log_read();
	}
}
