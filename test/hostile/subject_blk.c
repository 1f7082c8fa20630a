/* SPDX-License-Identifier: Apache-2.0 */
/* blk: a file of BLK_BYTES, requests one at a time. */
#include "subjects.h"

#include "hostile.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER_AT = 0x1000, STATUS_AT = 0x1100, DATA_AT = 0x2000, SECTOR = 512, UNTOUCHED = 0xee };

void blk_add(struct hostile *h, uint32_t flags)
{
	struct ukvmm_blk_config config = { .size = sizeof config, .flags = flags, .top_fd = -1 };
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

static void add(struct hostile *h)
{
	blk_add(h, 0);
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

static void works(struct hostile *h)
{
	uint8_t *data = drive_at(&h->d, h->buf + DATA_AT, 2 * SECTOR), file[SECTOR];
	static uint8_t fill = 0x60;

	memset(data, ++fill, SECTOR);
	CHECK(blk_request(h, BLK_OUT, 5, h->buf + DATA_AT, SECTOR) == BLK_OK);
	CHECK(blk_request(h, BLK_IN, 5, h->buf + DATA_AT + SECTOR, SECTOR) == BLK_OK);
	CHECK(!memcmp(data, data + SECTOR, SECTOR));
	CHECK(blk_request(h, BLK_FLUSH, 0, 0, 0) == BLK_OK);
	CHECK(pread(h->fd, file, SECTOR, 5 * SECTOR) == SECTOR && !memcmp(file, data, SECTOR));
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

const struct subject subject_blk = { .name = "blk", .queues = 1, .add = add, .works = works, .request = request,
	.close = end };
const struct subject subject_uring = { .name = "uring", .queues = 1, .add = add_uring, .works = works,
	.request = request, .close = end };
