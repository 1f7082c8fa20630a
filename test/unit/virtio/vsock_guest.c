/* SPDX-License-Identifier: Apache-2.0 */
#include "vsock_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TX_BYTES = 256 << 10, TURNS = 10000 };

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static void make_folder(struct vguest *g)
{
	char service[80];

	memset(g, 0, sizeof *g);
	snprintf(g->dir, sizeof g->dir, "/tmp/ukvmm-vsock-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	snprintf(g->path, sizeof g->path, "%s/v", g->dir);
	snprintf(service, sizeof service, "%s_%d", g->path, HOST_PORT);
	g->listener = listen_at(service);
}

static void add_device(struct vguest *g, const struct ukvmm_vsock_config *config)
{
	struct ukvmm_err err = { .size = sizeof err };

	drive_init(&g->d);
	if (ukvmm_vm_add_vsock(g->d.vm, "vsock0", config, &err))
		fail_msg("%s(%s): %s", err.call, err.object, err.text);
	drive_seal(&g->d);
	g->rx = drive_alloc(&g->d, RING * RX_BYTES);
	g->tx = drive_alloc(&g->d, TX_BYTES);
	g->event = drive_alloc(&g->d, 4096);
	g->buf_alloc = 256 << 10;
	g->guest_port = GUEST_PORT;
	g->host_port = HOST_PORT;
}

void guest_init(struct vguest *g, bool listens)
{
	make_folder(g);
	add_device(g, &(struct ukvmm_vsock_config){ .size = sizeof(struct ukvmm_vsock_config), .cid = CID,
			      .path = g->path, .listen = listens });
}

void guest_init_given(struct vguest *g, int (*connect)(uint64_t cookie, uint32_t port), uint64_t cookie)
{
	int listener;

	make_folder(g);
	listener = listen_at(g->path);
	add_device(g, &(struct ukvmm_vsock_config){ .size = sizeof(struct ukvmm_vsock_config), .cid = CID,
			      .flags = UKVMM_VSOCK_LISTENER, .listener = listener, .connect = connect, .cookie = cookie });
	/* the device has its own */
	close(listener);
}

void guest_fini(struct vguest *g)
{
	char service[80];

	drive_fini(&g->d);
	close(g->listener);
	snprintf(service, sizeof service, "%s_%d", g->path, HOST_PORT);
	assert_int_equal(unlink(service), 0);
	assert_int_equal(rmdir(g->dir), 0);
}

static void give_one(struct vguest *g)
{
	uint32_t at = g->dev.q[VSOCK_Q_RX].next_desc % RING;

	drive_put(&g->dev, VSOCK_Q_RX, &(struct drive_seg){ g->rx + at * RX_BYTES, RX_BYTES, true }, 1);
}

void guest_give(struct vguest *g, uint32_t buffers)
{
	for (uint32_t i = 0; i < buffers; i++)
		give_one(g);
	drive_kick(&g->dev, VSOCK_Q_RX);
	settle(g);
}

void guest_up(struct vguest *g, uint32_t buffers)
{
	drive_dev_up(&g->d, 0, VSOCK_QUEUES, RING, VSOCK_F_STREAM, &g->dev);
	assert_int_equal(drive_reg(&g->dev, 0x100, 8), CID);
	for (uint32_t i = 0; i < EVENT_BUFFERS; i++)
		drive_put(&g->dev, VSOCK_Q_EVENT, &(struct drive_seg){ g->event + 4 * i, 4, true }, 1);
	guest_give(g, buffers);
}

void settle(struct vguest *g)
{
	struct pollfd fd = { .fd = ukvmm_poller_fd(g->d.poller), .events = POLLIN };

	for (int i = 0; i < TURNS; i++) {
		drive_poll(&g->d);
		if (!poll(&fd, 1, 0))
			return;
	}
	fail_msg("the poller's fd stays readable");
}

struct vsock_header header_of(const struct vguest *g, enum vsock_op op, uint32_t len, uint32_t flags)
{
	return (struct vsock_header){ .src_cid = CID, .dst_cid = VSOCK_CID_HOST, .src_port = g->guest_port,
		.dst_port = g->host_port, .len = len, .type = VSOCK_TYPE_STREAM, .op = (uint16_t)op,
		.flags = flags, .buf_alloc = g->buf_alloc, .fwd_cnt = g->received };
}

void send_raw(struct vguest *g, const struct vsock_header *h, const void *data, uint32_t bytes)
{
	struct drive_seg seg[2] = { { g->tx, sizeof *h, false }, { g->tx + sizeof *h, bytes, false } };
	uint8_t *at = drive_at(&g->d, g->tx, TX_BYTES);

	memcpy(at, h, sizeof *h);
	if (bytes)
		memcpy(at + sizeof *h, data, bytes);
	drive_put(&g->dev, VSOCK_Q_TX, seg, bytes ? 2 : 1);
	drive_kick(&g->dev, VSOCK_Q_TX);
	settle(g);
	while (drive_used(&g->dev, VSOCK_Q_TX, NULL) >= 0)
		;
}

void send_op(struct vguest *g, enum vsock_op op, uint32_t flags)
{
	struct vsock_header h = header_of(g, op, 0, flags);

	send_raw(g, &h, NULL, 0);
}

void send_bytes(struct vguest *g, const void *data, uint32_t bytes)
{
	struct vsock_header h = header_of(g, VSOCK_RW, bytes, 0);

	send_raw(g, &h, data, bytes);
}

bool next_packet(struct vguest *g, struct packet *p)
{
	uint32_t len;
	int head;

	settle(g);
	head = drive_used(&g->dev, VSOCK_Q_RX, &len);
	if (head < 0)
		return false;
	assert_in_range(len, sizeof p->h, RX_BYTES);
	memcpy(p, drive_at(&g->d, g->rx + (uint64_t)head * RX_BYTES, RX_BYTES), len);
	assert_int_equal(p->h.dst_cid, CID);
	assert_int_equal(p->h.len, len - sizeof p->h);
	if (p->h.op == VSOCK_RW)
		g->received += p->h.len;
	give_one(g);
	drive_kick(&g->dev, VSOCK_Q_RX);
	return true;
}

void expect(struct vguest *g, enum vsock_op op, struct packet *p)
{
	struct packet unused;

	p = p ? p : &unused;
	if (!next_packet(g, p))
		fail_msg("no packet, where op %d was expected", op);
	assert_int_equal(p->h.op, op);
	assert_int_equal(p->h.src_cid, VSOCK_CID_HOST);
	assert_int_equal(p->h.type, VSOCK_TYPE_STREAM);
	assert_int_equal(p->h.dst_port, g->guest_port);
	assert_int_equal(p->h.src_port, g->host_port);
}

void expect_nothing(struct vguest *g)
{
	struct packet p;

	if (next_packet(g, &p))
		fail_msg("op %d, where nothing was expected", p.h.op);
}

int guest_opens(struct vguest *g)
{
	struct packet p;
	int fd;

	g->host_port = HOST_PORT;
	g->received = 0;
	send_op(g, VSOCK_REQUEST, 0);
	expect(g, VSOCK_RESPONSE, &p);
	assert_int_equal(p.h.buf_alloc, VSOCK_BUFFER);
	fd = accept4(g->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

int host_opens(struct vguest *g)
{
	int fd = ukvmm_vm_connect(g->d.vm, GUEST_PORT, NULL);
	struct packet p;

	assert_true(fd >= 0);
	assert_true(next_packet(g, &p));
	assert_int_equal(p.h.op, VSOCK_REQUEST);
	assert_int_equal(p.h.dst_port, GUEST_PORT);
	assert_true(p.h.src_port >= VSOCK_PORT_FIRST);
	g->host_port = p.h.src_port;
	g->received = 0;
	send_op(g, VSOCK_RESPONSE, 0);
	return fd;
}

const struct virtio_vsock *device(const struct vguest *g)
{
	return g->d.vm->device[0]->ctx;
}

uint32_t streams(const struct vguest *g)
{
	return (uint32_t)__builtin_popcountll(device(g)->used);
}

ssize_t drain(int fd, uint8_t *buf, size_t len)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < len && (n = read(fd, buf + done, len - done)) > 0)
		done += (size_t)n;
	return !done && !n ? -1 : (ssize_t)done;
}

bool at_end(int fd)
{
	uint8_t c;
	ssize_t n = read(fd, &c, 1);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}
