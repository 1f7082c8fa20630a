/* SPDX-License-Identifier: Apache-2.0 */
#include "blk_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void note(struct recorder *r, enum block_op op, uint64_t off, uint64_t len, uint32_t flags)
{
	assert_true(r->records < DISK_RECORDS);
	r->record[r->records++] = (struct record){ op, flags, off, len };
}

static int rec_rw(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags)
{
	struct recorder *r = (struct recorder *)b;

	assert_true(off <= b->bytes && len <= b->bytes - off);
	if (flags & BLOCK_NOW) {
		r->attempts++;
		if (r->now)
			return r->now;
	}
	note(r, op, off, len, flags);
	return r->fail[op] ? r->fail[op] : r->memory->ops->rw(r->memory, op, off, buf, len, flags);
}

static int rec_flush(struct block_backend *b)
{
	struct recorder *r = (struct recorder *)b;

	note(r, BLOCK_FLUSH, 0, 0, 0);
	return r->fail[BLOCK_FLUSH];
}

static int rec_zero(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	struct recorder *r = (struct recorder *)b;

	assert_true(off <= b->bytes && len <= b->bytes - off);
	note(r, BLOCK_ZERO, off, len, flags);
	return r->fail[BLOCK_ZERO] ? r->fail[BLOCK_ZERO] : r->memory->ops->zero(r->memory, off, len, flags);
}

static int rec_discard(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	struct recorder *r = (struct recorder *)b;

	assert_true(off <= b->bytes && len <= b->bytes - off);
	note(r, BLOCK_DISCARD, off, len, flags);
	return r->fail[BLOCK_DISCARD];
}

static int rec_rebind(struct block_backend *b, int fd)
{
	(void)b;
	return fd == 7 ? 0 : -EINVAL;
}

static void rec_close(struct block_backend *b)
{
	struct recorder *r = (struct recorder *)b;

	++*r->closed;
	r->memory->ops->close(r->memory);
	free(r);
}

static const struct block_ops rec_ops = { rec_rw, rec_flush, rec_zero, rec_discard, rec_rebind, rec_close };

static void engine_submit(struct block_engine *e, struct block_io *io)
{
	struct disk *k = (void *)((char *)e - offsetof(struct disk, engine));

	io->next = NULL;
	*k->tail = io;
	k->tail = &io->next;
	k->waits++;
}

struct block_io *disk_steal(struct disk *k, uint32_t n)
{
	struct block_io *first = k->waiting, *last = NULL;

	assert_true(n && n <= k->waits);
	for (uint32_t i = 0; i < n; i++) {
		last = k->waiting;
		k->waiting = last->next;
	}
	k->waits -= n;
	if (!k->waiting)
		k->tail = &k->waiting;
	last->next = NULL;
	return first;
}

void disk_do(struct disk *k, uint32_t n)
{
	struct block_io *io = disk_steal(k, n);

	while (io) {
		struct block_io *next = io->next;

		block_io_run(io);
		io->done(io);
		io = next;
	}
}

static struct recorder *recorder(struct disk *k, int now, bool read_only)
{
	struct recorder *r = calloc(1, sizeof *r);

	assert_non_null(r);
	assert_int_equal(block_memory(&r->memory, DISK_SECTORS * BLOCK_SECTOR, "memory", NULL), 0);
	r->b = (struct block_backend){ .ops = &rec_ops, .bytes = DISK_SECTORS * BLOCK_SECTOR, .read_only = read_only,
		.can_discard = true, .ring_fd = -1, .ring_slot = -1 };
	r->now = now;
	r->closed = &k->closed;
	return r;
}

void disk_new(struct disk *k, int now, bool read_only, uint32_t flags, const struct ukvmm_rate *rate)
{
	struct ukvmm_blk_config config = { .size = sizeof config, .flags = flags, .rate = rate };
	struct ukvmm_device_ops ops;
	struct ukvmm_device *device;

	memset(k, 0, sizeof *k);
	k->tail = &k->waiting;
	k->engine.submit = engine_submit;
	k->rec = recorder(k, now, read_only);
	drive_init(&k->d);
	assert_int_equal(virtio_blk_new(&k->blk, &k->rec->b, &k->engine, "a serial of a disk, long", &config), 0);
	virtio_blk_ops(k->blk, &ops);
	assert_int_equal(ukvmm_vm_add_device(k->d.vm, "disk", &ops, k->blk, &device, NULL), 0);
	assert_int_equal(virtio_blk_attach(k->blk, device), 0);
	drive_seal(&k->d);
}

void disk_driver(struct disk *k, uint64_t without)
{
	drive_dev_up(&k->d, 0, 1, 128, k->blk->offered & ~without, &k->dev);
}

void disk_up(struct disk *k, uint64_t without)
{
	disk_new(k, 0, false, 0, NULL);
	disk_driver(k, without);
}

void disk_down(struct disk *k)
{
	assert_int_equal(k->d.broken, 0);
	drive_fini(&k->d);
	assert_int_equal(k->closed, 1);
}

uint8_t *disk_bytes(struct disk *k, uint64_t sector)
{
	static uint8_t copy[BLOCK_SECTOR];
	struct block_backend *m = k->rec->memory;

	assert_int_equal(m->ops->rw(m, BLOCK_READ, sector * BLOCK_SECTOR, copy, sizeof copy, 0), 0);
	return copy;
}

static void put(struct disk *k, struct ask *a, uint32_t type, uint64_t sector, bool from_guest)
{
	struct blk_header h = { .type = type, .sector = sector };
	struct drive_seg seg[3] = { { a->header, sizeof h, false }, { a->data, a->len, !from_guest },
		{ a->status, 1, true } };

	memcpy(drive_at(&k->d, a->header, sizeof h), &h, sizeof h);
	*(uint8_t *)drive_at(&k->d, a->status, 1) = NOT_ANSWERED;
	if (!a->len)
		seg[1] = seg[2];
	a->head = drive_put(&k->dev, 0, seg, a->len ? 3 : 2);
}

static void ask_place(struct disk *k, struct ask *a, uint32_t len)
{
	*a = (struct ask){ .header = drive_alloc(&k->d, 16), .data = drive_alloc(&k->d, len),
		.status = drive_alloc(&k->d, 1), .len = len };
}

void ask_put(struct disk *k, struct ask *a, uint32_t type, uint64_t sector, uint32_t len, uint8_t fill)
{
	ask_place(k, a, len);
	if (len)
		memset(drive_at(&k->d, a->data, len), type == BLK_T_OUT ? fill : NOT_ANSWERED, len);
	put(k, a, type, sector, type == BLK_T_OUT);
}

void ask_put_range(struct disk *k, struct ask *a, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct blk_range r = { sector, sectors, flags };

	ask_place(k, a, sizeof r);
	memcpy(drive_at(&k->d, a->data, sizeof r), &r, sizeof r);
	put(k, a, type, 0, true);
}

uint8_t ask_status(struct disk *k, const struct ask *a)
{
	return *(uint8_t *)drive_at(&k->d, a->status, 1);
}

uint8_t *ask_data(struct disk *k, const struct ask *a)
{
	return drive_at(&k->d, a->data, a->len);
}

struct wait {
	struct disk *k;
	struct ask *a;
};

/* The engine goes on meanwhile. */
static bool came(void *arg)
{
	struct wait *w = arg;
	int head = drive_used(&w->k->dev, 0, &w->a->used_len);

	if (w->k->waits)
		disk_do(w->k, w->k->waits);
	if (head >= 0)
		assert_int_equal(head, w->a->head);
	return head >= 0;
}

uint8_t ask_go(struct disk *k, struct ask *a)
{
	struct wait w = { k, a };

	drive_kick(&k->dev, 0);
	drive_until(&k->d, came, &w);
	return ask_status(k, a);
}

uint8_t ask_once(struct disk *k, uint32_t type, uint64_t sector, uint32_t len, uint8_t fill)
{
	struct ask a;

	ask_put(k, &a, type, sector, len, fill);
	return ask_go(k, &a);
}

uint8_t ask_range(struct disk *k, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct ask a;

	ask_put_range(k, &a, type, sector, sectors, flags);
	return ask_go(k, &a);
}

void ask_none(struct disk *k)
{
	drive_kick(&k->dev, 0);
	drive_poll(&k->d);
	assert_int_equal(drive_used(&k->dev, 0, NULL), -1);
}
