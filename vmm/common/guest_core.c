/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's state for somebody who looks for what is wrong with it: when it is taken, and how it gets out. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/debug.h>

#include "guest.h"

#define MIB (1ull << 20)
#define HIGH (4ull << 30) /* where RAM goes on behind the devices */

enum { PIECE = 64 << 10, SEGMENTS = 2 };

/* A reader that is slow must not keep us from being told to stop. False: it is gone. */
static bool put(struct guest *g, const char *bytes, size_t len)
{
	struct pollfd fds[2] = { { .fd = g->core, .events = POLLOUT }, { .fd = g->sock, .events = POLLIN } };
	ssize_t n;

	while (len > 0) {
		n = write(g->core, bytes, len);
		if (n < 0 && errno == EAGAIN) {
			if (poll(fds, 2, -1) > 0 && fds[1].revents)
				guest_io_control(g);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static bool is_ram(const struct guest *g, uint64_t at)
{
	char byte;

	return ukvmm_debug_read(g->vm, at, &byte, 1) == 1;
}

/* RAM begins at 0; what does not fit below the devices is above 4 GiB. */
static uint32_t find_memory(const struct guest *g, struct core_segment s[SEGMENTS])
{
	uint64_t low = 0, memory = g->job.memory;

	if (!(g->core_flags & CORE_MEMORY))
		return 0;
	while (low < memory && is_ram(g, low))
		low += MIB;
	s[0] = (struct core_segment){ 0, low < memory ? low : memory };
	s[1] = (struct core_segment){ HIGH, memory - s[0].bytes };
	return s[1].bytes && is_ram(g, HIGH) ? 2 : 1;
}

static bool put_memory(struct guest *g, const struct core_segment *s)
{
	static char piece[PIECE];

	for (uint64_t at = 0; at < s->bytes; at += PIECE) {
		size_t n = s->bytes - at < PIECE ? (size_t)(s->bytes - at) : PIECE;

		if (ukvmm_debug_read(g->vm, s->at + at, piece, n) < 0)
			memset(piece, 0, n);
		if (!put(g, piece, n))
			return false;
	}
	return true;
}

static void put_core(struct guest *g)
{
	struct core_segment s[SEGMENTS] = { { 0, 0 } };
	uint32_t n = find_memory(g, s);
	size_t len = 0;
	char *head = core_head(g, s, n, &len);
	uint64_t total = len;
	bool fine;

	for (uint32_t i = 0; i < n; i++)
		total += s[i].bytes;
	fine = head && put(g, (const char *)&total, sizeof total) && put(g, head, len);
	for (uint32_t i = 0; i < n && fine; i++)
		fine = put_memory(g, &s[i]);
	free(head);
}

static void done(struct guest *g)
{
	close(g->core);
	g->core = -1;
}

void guest_core_ask(struct guest *g, int fd, uint32_t flags)
{
	if (g->core >= 0) {
		close(fd); /* one at a time */
		return;
	}
	g->core = fd;
	g->core_flags = flags;
	if (g->still)
		guest_core_paused(g);
	else if (ukvmm_vm_pause(g->vm) < 0)
		done(g);
}

void guest_core_hold(struct guest *g)
{
	g->held = true;
	if (g->core < 0 && !g->still) /* for a core it is being paused already */
		ukvmm_vm_pause(g->vm);
}

void guest_core_paused(struct guest *g)
{
	g->still = true;
	if (g->core >= 0) {
		put_core(g);
		done(g);
	}
	if (g->held)
		return;
	g->still = false;
	ukvmm_vm_resume(g->vm);
}
