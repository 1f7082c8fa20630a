/* SPDX-License-Identifier: Apache-2.0 */
/* The block device as a user of ukvmm/device.h: made, told, saved, rebound. */
#include "blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ukvmm/ukvmm.h>

_Static_assert(offsetof(struct blk_config, writeback) == 32 &&
	offsetof(struct blk_config, unused1) + 3 == BLK_CONFIG_BYTES, "virtio 1.2 section 5.2.4");

static void rate_set(struct virtio_blk *b, const struct ukvmm_rate *rate)
{
	static const struct ukvmm_rate none;
	const struct ukvmm_rate *r = rate ? rate : &none;

	pthread_mutex_lock(&b->lock);
	rate_init(&b->rate, r, ukvmm_now());
	atomic_store(&b->limited, r->bytes_per_s || r->ops_per_s);
	pthread_mutex_unlock(&b->lock);
}

static uint64_t features(const struct virtio_blk *b, uint32_t flags)
{
	uint64_t f = BLK_F_SEG_MAX | BLK_F_BLK_SIZE;

	if (b->backend->read_only)
		return f | BLK_F_RO;
	f |= BLK_F_WRITE_ZEROES;
	if (b->backend->can_discard)
		f |= BLK_F_DISCARD;
	/* the embedder's word holds: such a guest has no cache to switch on */
	return flags & UKVMM_BLK_WRITETHROUGH ? f : f | BLK_F_FLUSH | BLK_F_CONFIG_WCE;
}

/* The buffers are touched as far as requests ever needed them. */
static int requests_init(struct virtio_blk *b)
{
	void *at = mmap(NULL, (size_t)BLK_REQUESTS * BLK_PIECE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	b->buffers = at;
	for (uint32_t i = BLK_REQUESTS; i-- > 0;) {
		b->req[i] = (struct blk_req){ .b = b, .next = b->free, .buf = b->buffers + (size_t)i * BLK_PIECE };
		b->free = &b->req[i];
	}
	return 0;
}

int virtio_blk_new(struct virtio_blk **out, struct block_backend *backend, struct block_engine *engine,
	const char *serial, const struct ukvmm_blk_config *config)
{
	struct virtio_blk *b = calloc(1, sizeof *b);
	int rc;

	if (!b) {
		backend->ops->close(backend);
		return -ENOMEM;
	}
	pthread_mutex_init(&b->lock, NULL);
	b->backend = backend;
	b->engine = engine;
	b->refs = 1;
	b->depth = engine->depth && engine->depth < BLK_REQUESTS ? engine->depth : BLK_REQUESTS;
	b->offered = features(b, config->flags);
	memcpy(b->id, serial, strnlen(serial, sizeof b->id));
	rate_set(b, config->rate);
	rc = requests_init(b);
	if (!rc && engine->add)
		rc = engine->add(engine, backend);
	if (rc) {
		blk_unref(b);
		return rc;
	}
	b->joined = true;
	*out = b;
	return 0;
}

static void on_driver_ok(void *ctx, uint64_t negotiated)
{
	struct virtio_blk *b = ctx;

	b->features = negotiated;
}

static void on_queue_ready(void *ctx, uint32_t q, uint32_t budget)
{
	struct virtio_blk *b = ctx;

	(void)q;
	b->quiescing = false; /* it is not called while pausing */
	blk_turn_begin(b, budget);
	blk_pump(b);
	blk_turn_end(b);
}

static void on_woken(void *ctx)
{
	struct virtio_blk *b = ctx;

	blk_turn_begin(b, BLK_BUDGET);
	blk_retry_stalled(b, false);
	if (blk_pump(b))
		ukvmm_device_wake(b->dev);
	blk_turn_end(b);
}

static void on_timer(void *ctx)
{
	struct virtio_blk *b = ctx;

	b->quiescing = false;
	on_woken(b);
}

void blk_give_back(struct virtio_blk *b)
{
	if (!b->busy)
		madvise(b->buffers, (size_t)BLK_REQUESTS * BLK_PIECE, MADV_DONTNEED);
}

static void on_reset(void *ctx)
{
	struct virtio_blk *b = ctx;

	blk_void_all(b);
	blk_turn_begin(b, BLK_BUDGET);
	b->features = 0;
	blk_give_back(b);
	blk_turn_end(b);
}

/* What waits for its limit goes now. The timer waits for the resume, and then makes good what was not begun. */
static int on_quiesce(void *ctx)
{
	struct virtio_blk *b = ctx;

	b->quiescing = true;
	ukvmm_device_timer(b->dev, ukvmm_now());
	blk_turn_begin(b, BLK_BUDGET);
	blk_retry_stalled(b, true);
	blk_turn_end(b);
	return !b->busy;
}

/* Disk contents are not state of the VM. Capacity is: a guest must not meet another disk. */
static int walk(struct virtio_blk *b, struct ukvmm_state *s, uint64_t *negotiated)
{
	uint64_t bytes = b->backend->bytes;
	int rc = ukvmm_state_bytes(s, negotiated, sizeof *negotiated);

	if (!rc)
		rc = ukvmm_state_bytes(s, &bytes, sizeof bytes);
	return rc ? rc : bytes == b->backend->bytes ? 0 : -EINVAL;
}

static int on_save(void *ctx, struct ukvmm_state *s)
{
	struct virtio_blk *b = ctx;

	return walk(b, s, &b->features);
}

static int on_load(void *ctx, struct ukvmm_state *s, uint32_t version)
{
	const uint64_t transport = ~0ull << 24 & ~(~0ull << 50); /* bits that are not the device's to offer */
	struct virtio_blk *b = ctx;
	uint64_t negotiated;
	int rc = version == 1 ? walk(b, s, &negotiated) : -EINVAL;

	if (rc)
		return rc;
	if (negotiated & ~(b->offered | transport))
		return -EINVAL;
	b->features = negotiated;
	return 0;
}

static void on_destroy(void *ctx)
{
	blk_gone(ctx);
}

void virtio_blk_ops(const struct virtio_blk *b, struct ukvmm_device_ops *ops)
{
	*ops = (struct ukvmm_device_ops){ .size = sizeof *ops, .virtio_id = 2, .queues = 1,
		.config_bytes = BLK_CONFIG_BYTES, .features = b->offered, .version = 1,
		.flags = UKVMM_DEVICE_INLINE, .driver_ok = on_driver_ok, .queue_ready = on_queue_ready,
		.reset = on_reset, .quiesce = on_quiesce, .save = on_save, .load = on_load, .woken = on_woken,
		.timer = on_timer, .destroy = on_destroy };
	if (b->offered & BLK_F_CONFIG_WCE)
		ops->config_writable = 1ull << offsetof(struct blk_config, writeback);
}

int virtio_blk_attach(struct virtio_blk *b, struct ukvmm_device *dev)
{
	struct blk_config c = { .capacity = b->backend->bytes / BLOCK_SECTOR, .seg_max = BLK_SEGMENTS,
		.blk_size = BLOCK_SECTOR, .writeback = !!(b->offered & BLK_F_CONFIG_WCE) };

	if (b->offered & BLK_F_DISCARD) {
		c.max_discard_sectors = BLK_DISCARD_SECTORS;
		c.max_discard_seg = 1;
		c.discard_sector_alignment = 8;
	}
	if (b->offered & BLK_F_WRITE_ZEROES) {
		c.max_write_zeroes_sectors = BLK_ZERO_SECTORS;
		c.max_write_zeroes_seg = 1;
		c.write_zeroes_may_unmap = 1;
	}
	b->dev = dev;
	b->queue = ukvmm_device_queue(dev, 0);
	return ukvmm_device_config(dev, 0, &c, BLK_CONFIG_BYTES);
}

int virtio_blk_rate(struct virtio_blk *b, const struct ukvmm_rate *rate)
{
	rate_set(b, rate);
	ukvmm_device_wake(b->dev); /* what waits for the old limit may go */
	return 0;
}

int virtio_blk_rebind(struct virtio_blk *b, int fd)
{
	int rc;

	if (b->busy)
		return -EBUSY;
	rc = b->backend->ops->rebind(b->backend, fd);
	if (rc)
		return rc;
	b->never_now[BLOCK_READ] = b->never_now[BLOCK_WRITE] = false;
	return b->engine->add ? b->engine->add(b->engine, b->backend) : 0;
}

uint32_t virtio_blk_fds(const struct virtio_blk *b)
{
	return b->backend->fds;
}

void virtio_blk_stats(const struct virtio_blk *b, struct front_stats *s)
{
	*s = (struct front_stats){ .in_bytes = atomic_load(&b->in_bytes), .in_ops = atomic_load(&b->in_ops),
		.out_bytes = atomic_load(&b->out_bytes), .out_ops = atomic_load(&b->out_ops),
		.errors = atomic_load(&b->errors) };
}
