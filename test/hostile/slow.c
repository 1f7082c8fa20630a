/* SPDX-License-Identifier: Apache-2.0 */
#include "slow.h"

#include <errno.h>
#include <string.h>

#include "devices.h"
#include "engine.h"
#include "host.h"
#include "subjects.h"

static struct slow *disk;

struct slow *slow_disk(void)
{
	return disk;
}

static int enter(struct slow *s, enum block_op op, uint64_t off, uint64_t len)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	CHECK(s->calls < SLOW_RECORDS);
	s->record[s->calls].op = op;
	s->record[s->calls].off = off;
	s->record[s->calls].len = len;
	if (++s->calls == s->fail_at)
		rc = -EIO;
	if (++s->waiting > s->most_waiting)
		s->most_waiting = s->waiting;
	pthread_cond_broadcast(&s->changed);
	while (s->hung)
		pthread_cond_wait(&s->changed, &s->lock);
	s->waiting--;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int slow_rw(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags)
{
	struct slow *s = (struct slow *)b;
	int rc;

	if (flags & BLOCK_NOW)
		return -EAGAIN;
	rc = enter(s, op, off, len);
	if (rc)
		return rc;
	pthread_mutex_lock(&s->lock);
	if (op == BLOCK_READ)
		memcpy(buf, s->bytes + off, len);
	else
		memcpy(s->bytes + off, buf, len);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int slow_flush(struct block_backend *b)
{
	return enter((struct slow *)b, BLOCK_FLUSH, 0, 0);
}

static int slow_zero(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	(void)flags;
	return enter((struct slow *)b, BLOCK_ZERO, off, len);
}

static int slow_discard(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	(void)flags;
	return enter((struct slow *)b, BLOCK_DISCARD, off, len);
}

static int slow_rebind(struct block_backend *b, int fd)
{
	(void)b;
	(void)fd;
	return -EINVAL;
}

static void slow_close(struct block_backend *b)
{
	struct slow *s = (struct slow *)b;

	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
	disk = NULL;
}

static const struct block_ops slow_ops = { slow_rw, slow_flush, slow_zero, slow_discard, slow_rebind, slow_close };

void slow_hang(struct slow *s, bool on)
{
	pthread_mutex_lock(&s->lock);
	s->hung = on;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void slow_wait(struct slow *s, uint32_t n)
{
	pthread_mutex_lock(&s->lock);
	while (s->waiting < n)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void add(struct hostile *h)
{
	struct ukvmm_blk_config config = { .size = sizeof config, .fd = -1, .top_fd = -1 };
	struct ukvmm_device_ops ops;
	struct ukvmm_device *device;
	struct virtio_blk *blk;

	disk = calloc(1, sizeof *disk);
	CHECK(disk);
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->changed, NULL);
	disk->b = (struct block_backend){ .ops = &slow_ops, .bytes = SLOW_BYTES, .can_discard = true, .ring_fd = -1 };
	CHECK(!virtio_blk_new(&blk, &disk->b, &h->d.host->threads.engine, "slow", &config));
	virtio_blk_ops(blk, &ops);
	CHECK(!ukvmm_vm_add_device(h->d.vm, "slow", &ops, blk, &device, NULL));
	CHECK(!virtio_blk_attach(blk, device));
}

static void works(struct hostile *h)
{
	uint8_t *data = drive_at(&h->d, h->buf + 0x2000, 1024);

	memset(data, 0x5c, 512);
	CHECK(blk_request(h, BLK_OUT, 9, h->buf + 0x2000, 512) == BLK_OK);
	CHECK(blk_request(h, BLK_IN, 9, h->buf + 0x2200, 512) == BLK_OK);
	CHECK(!memcmp(data, data + 512, 512));
}

static uint32_t request(struct hostile *h, struct drive_seg *seg)
{
	return subject_blk.request(h, seg);
}

const struct subject subject_slow = { .name = "slow", .queues = 1, .add = add, .works = works,
	.request = request };
