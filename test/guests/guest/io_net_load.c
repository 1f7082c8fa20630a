/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"
#include "io_net.h"

enum { PART = 32 }; /* frames between two kicks, and between two signs of life of the peer */

static uint32_t window(void)
{
	return net_size > 4096 ? 32 : 192;
}

static uint32_t part(void)
{
	return net_size > 4096 ? PART / 4 : PART;
}

static void expect(const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	check_eq(what, got, want);
	finish();
}

/* Takes acknowledgements; how many frames the peer has. */
static uint32_t acknowledged(uint32_t before)
{
	const struct io_frame *f;

	while ((f = net_receive(NULL)) != NULL) {
		expect("answer", f->op, IO_ACK);
		expect("frames that the peer found wrong", f->count, 0);
		before = f->seq;
	}
	return before;
}

/* Frames [from, to), until the peer has them. */
static void send(uint32_t from, uint32_t to)
{
	uint32_t got = from;

	for (uint32_t i = from; i < to; i++) {
		bool last = (i + 1) % part() == 0 || i + 1 == to;

		net_send(IO_DATA, i, last, net_size);
		if (!last)
			continue;
		net_kick();
		got = acknowledged(got);
		while (i + 1 - got >= window()) {
			net_wait();
			got = acknowledged(got);
		}
	}
	while (got < to) {
		net_wait();
		got = acknowledged(got);
	}
	expect("frames that the peer counted", got, to);
}

/* Once round every buffer before the time is taken: what is touched first is not there yet. */
static uint32_t warm(uint32_t n)
{
	return n / 10 + 2 * VIRTQ_SIZE;
}

void io_net_tx(void)
{
	uint32_t n = (uint32_t)arg_number("n", 1000);
	struct io_result r;

	net_ready();
	send(0, warm(n));
	net_begin(&r);
	send(warm(n), warm(n) + n);
	net_end(&r, n);
}

static uint32_t take(uint32_t next)
{
	const struct io_frame *f;
	uint32_t bytes;

	while ((f = net_receive(&bytes)) != NULL) {
		expect("frame", f->op, IO_DATA);
		expect("number of the frame", f->seq, next);
		expect("bytes of the frame", bytes, net_size);
		if (!io_intact(f, f->seq, bytes))
			die("a frame's payload is not what was sent");
		next++;
	}
	return next;
}

static void receive(uint32_t from, uint32_t to)
{
	uint32_t asked = from, got = from;

	while (got < to) {
		while (asked < to && asked - got + part() <= window()) {
			uint32_t more = to - asked < part() ? to - asked : part();

			net_send(IO_SEND, 0, more, IO_FRAME_MIN);
			asked += more;
		}
		net_wait();
		got = take(got);
	}
}

void io_net_rx(void)
{
	uint32_t n = (uint32_t)arg_number("n", 1000);
	struct io_result r;

	net_ready();
	receive(0, warm(n));
	net_begin(&r);
	receive(warm(n), warm(n) + n);
	net_end(&r, n);
}

void io_net_echo(void)
{
	uint32_t n = (uint32_t)arg_number("n", 1000), bytes;
	const struct io_frame *f;
	struct io_result r;
	uint64_t before;

	net_ready();
	net_begin(&r);
	for (uint32_t i = 0; i < n; i++) {
		before = rdtsc();
		net_send(IO_ECHO, i, 0, net_size);
		do
			net_wait();
		while ((f = net_receive(&bytes)) == NULL);
		io_sample(rdtsc() - before);
		expect("answer", f->op, IO_ECHOED);
		expect("number of the answer", f->seq, i);
		expect("bytes of the answer", bytes, net_size);
		expect("payload is intact", (uint64_t)io_intact(f, f->seq, bytes), 1);
	}
	net_end(&r, n);
}
