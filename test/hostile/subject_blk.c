/* SPDX-License-Identifier: Apache-2.0 */
/* blk: a file of BLK_BYTES, requests one at a time. */
#include "subjects.h"

#include "hostile.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEADER_AT = 0x1000, STATUS_AT = 0x1100, DATA_AT = 0x2000, SECTOR = 512, UNTOUCHED = 0xee };

/* Requests wait for it now and then, but not for long. */
static const struct ukvmm_rate limit = { .size = sizeof limit, .ops_per_s = 20000, .ops_burst = 50 };

static void add_with(struct hostile *h, uint32_t flags, const struct ukvmm_rate *rate)
{
	struct ukvmm_blk_config config = { .size = sizeof config, .flags = flags, .top_fd = -1, .rate = rate };
	int rc;

	h->fd = memfd_create("disk", MFD_CLOEXEC);
	CHECK(h->fd >= 0 && !ftruncate(h->fd, BLK_BYTES));
	config.fd = h->fd;
	rc = ukvmm_vm_add_blk(h->d.vm, "blk", &config, NULL);
	if (rc == -ENOTSUP && flags & UKVMM_BLK_URING) {
		config.flags &= ~UKVMM_BLK_URING;
		rc = ukvmm_vm_add_blk(h->d.vm, "blk", &config, NULL);
	}
	CHECK(!rc);
}

void blk_add(struct hostile *h, uint32_t flags)
{
	add_with(h, flags, NULL);
}

static void add(struct hostile *h)
{
	blk_add(h, 0);
}

static void add_overlay(struct hostile *h)
{
	blk_add(h, UKVMM_BLK_OVERLAY);
}

static void add_limited(struct hostile *h)
{
	add_with(h, 0, &limit);
}

static void add_uring(struct hostile *h)
{
	blk_add(h, UKVMM_BLK_URING);
}

static void end(struct hostile *h)
{
	close(h->fd);
}

uint8_t blk_request(struct hostile *h, uint32_t type, uint64_t sector, uint64_t gpa, uint32_t len)
{
	struct blk_header *header = drive_at(&h->d, h->buf + HEADER_AT, sizeof *header);
	uint8_t *status = drive_at(&h->d, h->buf + STATUS_AT, 1);
	bool to_guest = type == BLK_IN || type == BLK_GET_ID;
	struct drive_seg seg[3] = { { h->buf + HEADER_AT, sizeof *header, false } };
	uint32_t n = 1;

	*header = (struct blk_header){ .type = type, .sector = sector };
	*status = UNTOUCHED;
	if (len)
		seg[n++] = (struct drive_seg){ gpa, len, to_guest };
	seg[n++] = (struct drive_seg){ h->buf + STATUS_AT, 1, true };
	drive_put(&h->dev, 0, seg, n);
	drive_kick(&h->dev, 0);
	drive_wait_used(&h->dev, 0, NULL);
	return *status;
}

/* By a call that a filtered thread of the poller's has too. */
static ssize_t file_read(struct hostile *h, void *to, size_t len, off_t off)
{
	const struct iovec v = { .iov_base = to, .iov_len = len };

	return preadv2(h->fd, &v, 1, off, 0);
}

static void works(struct hostile *h)
{
	uint8_t *data = drive_at(&h->d, h->buf + DATA_AT, 2 * SECTOR);
	static uint8_t fill = 0x60;

	memset(data, ++fill, SECTOR);
	CHECK(blk_request(h, BLK_OUT, 5, h->buf + DATA_AT, SECTOR) == BLK_OK);
	CHECK(blk_request(h, BLK_IN, 5, h->buf + DATA_AT + SECTOR, SECTOR) == BLK_OK);
	CHECK(!memcmp(data, data + SECTOR, SECTOR));
	CHECK(blk_request(h, BLK_FLUSH, 0, 0, 0) == BLK_OK);
}

static void works_on_file(struct hostile *h)
{
	uint8_t *data = drive_at(&h->d, h->buf + DATA_AT, SECTOR), file[SECTOR];

	works(h);
	CHECK(file_read(h, file, SECTOR, 5 * SECTOR) == SECTOR && !memcmp(file, data, SECTOR));
}

/* The base is as it was. */
static void works_above_base(struct hostile *h)
{
	uint8_t file[SECTOR], zero[SECTOR] = { 0 };

	works(h);
	for (uint32_t i = 0; i < BLK_BYTES / SECTOR; i++)
		CHECK(file_read(h, file, SECTOR, (off_t)i * SECTOR) == SECTOR && !memcmp(file, zero, SECTOR));
}

static uint32_t request(struct hostile *h, struct drive_seg *seg)
{
	static uint32_t turn;
	bool out = ++turn & 1;
	struct blk_header header = { .type = out ? BLK_OUT : BLK_IN, .sector = turn % 1024 };

	hostile_store(h, h->buf + 0x10000, &header, sizeof header);
	seg[0] = (struct drive_seg){ h->buf + 0x10000, sizeof header, false };
	seg[1] = (struct drive_seg){ h->buf + 0x11000, SECTOR, !out };
	seg[2] = (struct drive_seg){ h->buf + 0x12000, 7 * SECTOR, !out };
	seg[3] = (struct drive_seg){ h->buf + 0x10100, 1, true };
	return 4;
}

const struct subject subject_blk = { .name = "blk", .queues = 1, .add = add, .works = works_on_file,
	.request = request, .close = end };
const struct subject subject_uring = { .name = "uring", .queues = 1, .add = add_uring, .works = works_on_file,
	.request = request, .close = end };
const struct subject subject_overlay = { .name = "overlay", .queues = 1, .add = add_overlay,
	.works = works_above_base, .request = request, .close = end };
const struct subject subject_blk_limited = { .name = "blk-limited", .queues = 1, .add = add_limited,
	.works = works_on_file, .request = request, .close = end };
