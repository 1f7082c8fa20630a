/* SPDX-License-Identifier: Apache-2.0 */
/* Guest and hosts do whatever they can, in an order that a fixed seed chooses; after each step the books balance. And
 * many threads connect at once. */
#include "vsock_guest.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
enum { SEEDS = 1 };
#else
enum { SEEDS = 4 };
#endif
enum { STEPS = 60000, HOSTS = 80, PORTS = 6, THREADS = 4, CONNECTS = 50 };

static uint8_t bytes[100000];

struct play {
	struct vguest g;
	uint64_t seed;
	int host[HOSTS];
	uint32_t hosts;
	uint32_t ports[8]; /* of ours that the guest has heard of */
};

static uint32_t any(struct play *p, uint32_t below)
{
	p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(p->seed >> 33) % below;
}

static void books_balance(const struct virtio_vsock *v)
{
	uint32_t promised = v->incoming_len, fds = v->listener >= 0;

	for (uint32_t i = 0; i < VSOCK_STREAMS; i++) {
		const struct vsock_stream *s = &v->stream[i];
		bool waits = s->state == VSOCK_CLOSING || s->state == VSOCK_DYING;

		assert_int_equal(s->state != VSOCK_FREE, v->used >> i & 1);
		if (s->state == VSOCK_FREE) {
			assert_null(s->ring);
			continue;
		}
		promised += !waits;
		fds += s->fd >= 0;
		assert_int_equal(s->fd < 0, waits);
		assert_in_range(s->ring_len, 0, VSOCK_BUFFER);
		assert_int_equal(s->received - s->forwarded, s->ring_len);
		if (s->wants)
			assert_true(v->wants >> i & 1);
	}
	for (uint32_t i = 0; i < VSOCK_CLIENTS; i++)
		fds += v->client[i].fd >= 0;
	assert_int_equal(v->wants & ~v->used, 0);
	assert_int_equal(v->readable & ~v->used, 0);
	assert_int_equal(promised, v->reserved);
	assert_int_equal(fds, v->fds);
	assert_in_range(v->rst_len, 0, VSOCK_RSTS);
}

static void guest_packet(struct play *p)
{
	static const uint32_t lens[] = { 0, 1, 100, 5000, 60000, 100000 };
	struct vsock_header h;
	uint32_t len = lens[any(p, 6)];

	p->g.guest_port = any(p, PORTS);
	p->g.host_port = any(p, 3) ? HOST_PORT + any(p, 2) : p->ports[any(p, 8)];
	h = header_of(&p->g, any(p, VSOCK_OPS + 1), 0, any(p, 4));
	if (h.op == VSOCK_RST && any(p, 4))
		h.op = VSOCK_RW;
	if (h.op == VSOCK_RW)
		h.len = any(p, 50) ? len : len + 1;
	h.fwd_cnt = any(p, 4) ? h.fwd_cnt : any(p, 1 << 20);
	h.buf_alloc = any(p, 4) ? 1 << 18 : any(p, 5000);
	send_raw(&p->g, &h, bytes, len);
}

/* Says a lot and shuts the stream down properly, whatever the host has yet to read of it. */
static void guest_leaves(struct play *p)
{
	const struct vsock_stream *s = &device(&p->g)->stream[any(p, VSOCK_STREAMS)];

	if (s->state != VSOCK_OPEN)
		return;
	p->g.guest_port = s->guest_port;
	p->g.host_port = s->host_port;
	for (uint32_t i = any(p, 8); i && !s->guest_shut && s->state == VSOCK_OPEN && !s->ring_len; i--)
		send_bytes(&p->g, bytes, sizeof bytes);
	send_op(&p->g, VSOCK_SHUTDOWN, VSOCK_SHUT_SEND);
	send_op(&p->g, VSOCK_RST, 0);
}

static void guest_takes(struct play *p)
{
	struct packet packet;

	for (uint32_t n = any(p, 8); n && next_packet(&p->g, &packet); n--) {
		if (packet.h.op != VSOCK_REQUEST)
			continue;
		p->ports[any(p, 8)] = packet.h.src_port;
		p->g.guest_port = packet.h.dst_port;
		p->g.host_port = packet.h.src_port;
		if (any(p, 4))
			send_op(&p->g, any(p, 5) ? VSOCK_RESPONSE : VSOCK_RST, 0);
	}
}

static void host_add(struct play *p, int fd)
{
	if (fd >= 0 && p->hosts < HOSTS)
		p->host[p->hosts++] = fd;
	else if (fd >= 0)
		close(fd);
}

static int client(struct play *p)
{
	static const char *const lines[] = { "CONNECT 1\n", "CONNECT 2\nhello", "CON", "CONNECT 5 5\n" };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const char *line = lines[any(p, 4)];

	snprintf(at.sun_path, sizeof at.sun_path, "%s", p->g.path);
	if (!connect(fd, (struct sockaddr *)&at, sizeof at))
		assert_true(write(fd, line, strlen(line)) > 0);
	return fd;
}

static void host_does(struct play *p)
{
	static uint8_t buf[1 << 18];
	uint32_t i = p->hosts ? any(p, p->hosts) : 0, what = any(p, 9);

	if (what == 0 || !p->hosts) {
		host_add(p, ukvmm_vm_connect(p->g.d.vm, any(p, PORTS), NULL));
	} else if (what == 1) {
		host_add(p, accept4(p->g.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	} else if (what == 2) {
		host_add(p, client(p));
	} else if (what == 3) {
		close(p->host[i]);
		p->host[i] = p->host[--p->hosts];
	} else if (what == 4) {
		shutdown(p->host[i], (int)any(p, 3));
	} else if (what < 7) {
		drain(p->host[i], buf, any(p, sizeof buf));
	} else {
		send(p->host[i], bytes, any(p, sizeof bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	settle(&p->g);
}

static void restart(struct play *p, uint64_t memory)
{
	p->g.d.free = memory;
	memset(drive_at(&p->g.d, memory, 1 << 20), 0, 1 << 20);
	guest_up(&p->g, any(p, 64));
}

static void seldom(struct play *p, uint64_t memory)
{
	if (any(p, 2)) {
		restart(p, memory);
		return;
	}
	drive_pause(&p->g.d);
	host_does(p);
	assert_int_equal(ukvmm_vm_resume(p->g.d.vm), 0);
	settle(&p->g);
}

static void play(uint64_t seed)
{
	struct play p = { .seed = seed };
	uint64_t memory;

	guest_init(&p.g, true);
	memory = p.g.d.free;
	restart(&p, memory);
	for (uint32_t i = 0; i < STEPS; i++) {
		uint32_t what = any(&p, 1000);

		if (what < 350)
			guest_packet(&p);
		else if (what < 400)
			guest_leaves(&p);
		else if (what < 700)
			host_does(&p);
		else if (what < 997)
			guest_takes(&p);
		else
			seldom(&p, memory);
		books_balance(device(&p.g));
		assert_int_equal(p.g.d.broken, 0);
	}
	while (p.hosts)
		close(p.host[--p.hosts]);
	guest_fini(&p.g);
}

static void books_balance_whatever_happens(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		play(seed);
}

struct crowd {
	struct vguest g;
	_Atomic uint32_t left;
};

static void *connects(void *arg)
{
	struct crowd *c = arg;

	for (uint32_t i = 0; i < CONNECTS;) {
		int fd = ukvmm_vm_connect(c->g.d.vm, i, NULL);

		if (fd == -EAGAIN)
			continue; /* 64 wait for the guest */
		if (fd >= 0 && write(fd, "x", 1) == 1)
			i++;
		close(fd);
	}
	atomic_fetch_sub(&c->left, 1);
	return NULL;
}

static void any_thread_connects(void **state)
{
	struct crowd c = { .left = THREADS };
	uint32_t requests = 0, got = 0;
	pthread_t thread[THREADS];
	struct packet p;

	(void)state;
	guest_init(&c.g, false);
	guest_up(&c.g, 64);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, connects, &c), 0);
	while (atomic_load(&c.left) || streams(&c.g) || requests < THREADS * CONNECTS) {
		drive_poll(&c.g.d);
		if (!next_packet(&c.g, &p))
			continue;
		c.g.guest_port = p.h.dst_port;
		c.g.host_port = p.h.src_port;
		c.g.received = 0;
		if (p.h.op == VSOCK_REQUEST) {
			requests++;
			send_op(&c.g, VSOCK_RESPONSE, 0);
		} else if (p.h.op == VSOCK_SHUTDOWN) {
			send_op(&c.g, VSOCK_RST, 0);
		}
		got += p.h.op == VSOCK_RW;
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(got, THREADS * CONNECTS);
	books_balance(device(&c.g));
	guest_fini(&c.g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(books_balance_whatever_happens),
		cmocka_unit_test(any_thread_connects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
