/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	/* The library has no event for room in the guest's 4 KiB buffer: ask again. */
	RETRY_NS = 5 * 1000 * 1000,
	/* In the background: has the user brought us to the front? */
	FOREGROUND_NS = 100 * 1000 * 1000,
};

/* One shot: while nothing may be read, not even a hang-up may wake the thread. */
static int arm(struct io *io, int op, uint64_t tag)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data = { .u64 = tag } };

	return epoll_ctl(io->epoll, op, STDIN_FILENO, &e);
}

void input_init(struct io *io, uint64_t tag)
{
	struct input *in = &io->input;

	in->tty = isatty(STDIN_FILENO);
	in->open = true;
	if (arm(io, EPOLL_CTL_ADD, tag) == 0)
		return;
	in->always = errno == EPERM;
	in->open = in->always;
}

/* A background job that reads its terminal is stopped by the kernel; a foreground one wants it
 * raw. */
static bool may_read(struct io *io)
{
	bool raw;

	if (!io->input.tty)
		return true;
	if (pthread_mutex_trylock(&io->lock))
		return false;
	raw = terminal_enter();
	pthread_mutex_unlock(&io->lock);
	return raw;
}

/* Fills buf. False: nothing to give to the guest. */
static bool fill(struct input *in, bool *quit)
{
	uint8_t typed[INPUT_BYTES];
	ssize_t n = read(STDIN_FILENO, in->tty ? typed : in->buf, INPUT_BYTES);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		in->open = false;
		return false;
	}
	in->at = 0;
	in->len = (size_t)n;
	if (in->tty)
		in->len = terminal_decode(&in->escape, typed, (size_t)n, in->buf, quit);
	return in->len > 0;
}

static void give(struct io *io, struct ukvmm_vm *vm)
{
	struct input *in = &io->input;
	int64_t n;

	/* the guest has ended, and its VM may be gone */
	if (pthread_mutex_trylock(&io->lock))
		return;
	n = ukvmm_vm_console_write(vm, in->port, in->buf + in->at, in->len - in->at);
	pthread_mutex_unlock(&io->lock);
	in->at += n > 0 ? (size_t)n : 0;
	in->retry_at = 0;
	if (in->at == in->len)
		return;
	if (in->tty)
		in->at = in->len;
	else
		in->retry_at = ukvmm_now() + RETRY_NS;
}

void input_step(struct io *io, struct ukvmm_vm *vm, uint64_t tag, bool *quit)
{
	struct input *in = &io->input;
	bool waiting = in->at < in->len;

	if (!waiting && !may_read(io)) {
		in->retry_at = ukvmm_now() + FOREGROUND_NS;
		return;
	}
	in->retry_at = 0;
	if (waiting || fill(in, quit))
		give(io, vm);
	if (in->open && !in->always && in->retry_at == 0)
		arm(io, EPOLL_CTL_MOD, tag);
}

uint64_t input_due(const struct input *in)
{
	if (in->retry_at)
		return in->retry_at;
	return in->open && in->always ? 1 : 0;
}
