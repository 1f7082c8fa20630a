/* SPDX-License-Identifier: Apache-2.0 */
/* vsock: a driver that speaks the protocol rightly; its rows then do not. */
#include "subjects.h"

#include "fd.h"
#include "hostile.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POSTED = 8, RX_AT = 0x20000, TX_AT = 0x30000, PORT = 1234, CREDIT = 65536, TURNS = 64 };

static void add(struct hostile *h)
{
	struct ukvmm_vsock_config config = { .size = sizeof config, .cid = VSOCK_CID };
	struct ukvmm_err err = { .size = sizeof err };

	if (ukvmm_vm_add_vsock(h->d.vm, "vsock", &config, &err))
		fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	CHECK(!err.code);
}

struct vsock_header vsock_packet(uint32_t src_port, uint32_t dst_port, uint16_t op)
{
	return (struct vsock_header){ .src_cid = VSOCK_CID, .dst_cid = VSOCK_HOST_CID, .src_port = src_port,
		.dst_port = dst_port, .type = VSOCK_STREAM, .op = op, .buf_alloc = CREDIT };
}

static void post_one(struct hostile *h, uint64_t gpa)
{
	drive_put(&h->dev, VSOCK_RX, &(struct drive_seg){ gpa, PAGE, true }, 1);
}

void vsock_post(struct hostile *h)
{
	if (h->dev.q[VSOCK_RX].avail_idx)
		return;
	for (uint32_t i = 0; i < POSTED; i++)
		post_one(h, h->buf + RX_AT + i * PAGE);
	drive_kick(&h->dev, VSOCK_RX);
}

/* The packet in the next used buffer, which is posted again; false: none is there. */
static bool take(struct hostile *h, struct vsock_header *out, void *data)
{
	uint32_t len;
	int head = drive_used(&h->dev, VSOCK_RX, &len);
	struct ring_desc *desc;
	uint64_t gpa;

	if (head < 0)
		return false;
	CHECK(head < RING && len >= sizeof *out && len <= PAGE);
	desc = drive_at(&h->d, h->dev.q[VSOCK_RX].desc, 16 * RING);
	gpa = desc[head].addr;
	memcpy(out, drive_at(&h->d, gpa, len), sizeof *out);
	CHECK(out->len == len - sizeof *out);
	if (data)
		memcpy(data, (uint8_t *)drive_at(&h->d, gpa, len) + sizeof *out, out->len);
	post_one(h, gpa);
	drive_kick(&h->dev, VSOCK_RX);
	return true;
}

struct wait {
	struct hostile *h;
	struct vsock_header header;
	void *data;
};

static bool came(void *arg)
{
	struct wait *w = arg;

	while (take(w->h, &w->header, w->data))
		if (w->header.op != VSOCK_CREDIT_UPDATE)
			return true;
	return false;
}

struct vsock_header vsock_next(struct hostile *h, void *data)
{
	struct wait w = { .h = h, .data = data };

	drive_until(&h->d, came, &w);
	return w.header;
}

int vsock_poll(struct hostile *h, struct vsock_header *out, void *data)
{
	struct wait w = { .h = h, .data = data };

	for (uint32_t i = 0; i < TURNS; i++) {
		drive_poll(&h->d);
		if (came(&w)) {
			*out = w.header;
			return 0;
		}
	}
	return -1;
}

void vsock_send(struct hostile *h, const struct vsock_header *header, const void *data)
{
	uint8_t *buf = drive_at(&h->d, h->buf + TX_AT, PAGE);

	CHECK(header->len + sizeof *header <= PAGE);
	memcpy(buf, header, sizeof *header);
	if (header->len)
		memcpy(buf + sizeof *header, data, header->len);
	drive_put(&h->dev, VSOCK_TX,
		&(struct drive_seg){ h->buf + TX_AT, (uint32_t)sizeof *header + header->len, false }, 1);
	drive_kick(&h->dev, VSOCK_TX);
	drive_wait_used(&h->dev, VSOCK_TX, NULL);
}

struct arrival {
	int fd;
	char bytes[8];
	ssize_t len;
};

static bool arrived(void *arg)
{
	struct arrival *a = arg;

	a->len = fd_recv(a->fd, a->bytes, sizeof a->bytes, 0);
	return a->len >= 0 || errno != EAGAIN;
}

/* Also of rings in any disorder. */
static void drain(struct hostile *h)
{
	vsock_post(h);
	hostile_turns(h, 2);
	for (uint32_t i = 0; i < 16 * POSTED; i++) {
		int head = drive_used(&h->dev, VSOCK_RX, NULL);

		if (head < 0)
			return;
		post_one(h, h->buf + RX_AT + (uint32_t)head % POSTED * PAGE);
		drive_kick(&h->dev, VSOCK_RX);
		drive_poll(&h->d);
	}
}

/* Whoever was held, or left over from before a reset, is refused. */
static void refuse_all(struct hostile *h)
{
	struct vsock_header got, mine;

	vsock_post(h);
	while (!vsock_poll(h, &got, NULL)) {
		if (got.op == VSOCK_RST)
			continue;
		mine = vsock_packet(got.dst_port, got.src_port, VSOCK_RST);
		vsock_send(h, &mine, NULL);
	}
}

static void works(struct hostile *h)
{
	struct vsock_header got, mine;
	struct arrival a = { 0 };
	char data[PAGE];

	refuse_all(h);
	a.fd = ukvmm_vm_connect(h->d.vm, PORT, NULL);
	CHECK(a.fd >= 0);
	got = vsock_next(h, data);
	CHECK(got.op == VSOCK_REQUEST && got.dst_port == PORT);
	CHECK(got.src_cid == VSOCK_HOST_CID && got.dst_cid == VSOCK_CID && got.type == VSOCK_STREAM);
	mine = vsock_packet(PORT, got.src_port, VSOCK_RESPONSE);
	vsock_send(h, &mine, NULL);
	CHECK(fd_send(a.fd, "ping", 4) == 4);
	got = vsock_next(h, data);
	CHECK(got.op == VSOCK_RW && got.len == 4 && !memcmp(data, "ping", 4));
	mine.op = VSOCK_RW;
	mine.fwd_cnt = 4;
	mine.len = 4;
	vsock_send(h, &mine, "pong");
	drive_until(&h->d, arrived, &a);
	CHECK(a.len == 4 && !memcmp(a.bytes, "pong", 4));
	close(a.fd);
	got = vsock_next(h, data);
	CHECK(got.op == VSOCK_SHUTDOWN || got.op == VSOCK_RST);
	mine = vsock_packet(PORT, got.src_port, VSOCK_RST);
	vsock_send(h, &mine, NULL);
}

static uint32_t request(struct hostile *h, struct drive_seg *seg)
{
	static uint32_t turn;
	const uint16_t ops[] = { VSOCK_REQUEST, VSOCK_RW, VSOCK_RESPONSE, VSOCK_CREDIT_REQUEST, VSOCK_SHUTDOWN,
		VSOCK_CREDIT_UPDATE, VSOCK_RST };
	struct vsock_header header = vsock_packet(1000 + turn % 5, 2000 + turn % 3, ops[turn % COUNT(ops)]);

	turn++;
	if (header.op == VSOCK_RW)
		header.len = 500;
	hostile_store(h, h->buf + 0x10000, &header, sizeof header);
	seg[0] = (struct drive_seg){ h->buf + 0x10000, sizeof header, false };
	seg[1] = (struct drive_seg){ h->buf + 0x10100, 500, false };
	return header.op == VSOCK_RW ? 2 : 1;
}

static void inject(struct hostile *h, const void *bytes, size_t len)
{
	int fd = ukvmm_vm_connect(h->d.vm, PORT, NULL);

	if (fd < 0)
		return;
	fd_send(fd, bytes, len);
	close(fd);
}

/* The host connects, writes, and goes away. */
static void poke(struct hostile *h)
{
	int fd = ukvmm_vm_connect(h->d.vm, 1000, NULL);

	if (fd < 0) {
		CHECK(fd == -EAGAIN || fd == -EMFILE);
		return;
	}
	CHECK(fd_send(fd, "poke", 4) == 4);
	close(fd);
}

const struct subject subject_vsock = { .name = "vsock", .queues = 3, .pull = VSOCK_TX, .add = add,
	.works = works, .request = request, .poke = poke, .inject = inject, .drain = drain };
