/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

enum {
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
static bool may_read(const struct io *io)
{
	return !io->input.tty || terminal_enter();
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

/* A worker that is gone takes everything. */
static void give(struct input *in, int console)
{
	ssize_t n;

	do
		n = send(console, in->buf + in->at, in->len - in->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		n = (ssize_t)(in->len - in->at);
	in->at += n > 0 ? (size_t)n : 0;
	if (in->tty)
		in->at = in->len;
}

bool input_waits(const struct input *in)
{
	return in->at < in->len;
}

void input_step(struct io *io, int console, uint64_t tag, bool *quit)
{
	struct input *in = &io->input;
	bool waited = input_waits(in);

	in->retry_at = 0;
	if (!waited && !may_read(io)) {
		in->retry_at = ukvmm_now() + FOREGROUND_NS;
		return;
	}
	if (waited || fill(in, quit))
		give(in, console);
	if (in->open && !in->always && !input_waits(in))
		arm(io, EPOLL_CTL_MOD, tag);
}

uint64_t input_due(const struct input *in)
{
	if (in->retry_at || input_waits(in))
		return in->retry_at;
	return in->open && in->always ? 1 : 0;
}
