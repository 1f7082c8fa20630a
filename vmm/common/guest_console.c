/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "guest.h"

/* The library has no event for room in the guest's 4 KiB buffer: ask again. */
#define RETRY_NS (5u * 1000 * 1000)

static int flush(struct console *c)
{
	ssize_t n;

	while (c->at < c->len) {
		n = write(c->fd, c->out + c->at, c->len - c->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		c->at += (size_t)n;
	}
	return 0;
}

/* Ports take turns: a guest that floods one must not silence the other. 0: all are empty. */
static int64_t refill(struct console *c, struct ukvmm_vm *vm)
{
	uint64_t lost;
	int64_t n = 0;

	for (uint32_t i = 0; i < c->ports && n == 0; i++) {
		lost = 0;
		c->port = (c->port + 1) % c->ports;
		n = ukvmm_vm_console_read(vm, c->port, c->out, sizeof c->out, &lost);
		c->lost += lost;
	}
	return n;
}

int console_pump(struct console *c, struct ukvmm_vm *vm)
{
	int64_t n;
	int rc;

	for (;;) {
		rc = c->fd >= 0 ? flush(c) : 0;
		if (rc > 0)
			return 1;
		if (rc < 0) {
			close(c->fd);
			c->fd = -1;
		}
		n = refill(c, vm);
		c->at = 0;
		c->len = n > 0 ? (size_t)n : 0;
		if (n <= 0)
			return 0;
	}
}

static void give(struct console *c, struct ukvmm_vm *vm)
{
	int64_t n = ukvmm_vm_console_write(vm, c->ports - 1, c->in + c->in_at, c->in_len - c->in_at);

	c->in_at += n > 0 ? (size_t)n : 0;
	c->retry_at = c->in_at < c->in_len ? ukvmm_now() + RETRY_NS : 0;
}

bool console_input(struct console *c, struct ukvmm_vm *vm)
{
	ssize_t n;

	if (c->in_at < c->in_len)
		give(c, vm);
	while (c->fd >= 0 && c->in_at == c->in_len) {
		n = read(c->fd, c->in, sizeof c->in);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		c->in_at = 0;
		c->in_len = (size_t)n;
		give(c, vm);
	}
	/* the guest's buffer is full: the rest stays where it is, until retry_at */
	return false;
}
