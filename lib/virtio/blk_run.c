/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on the callback thread: begun, done piece by piece, answered. */
#include <errno.h>

#include <ukvmm/ukvmm.h>

#include "blk.h"

static struct blk_req *req_take(struct virtio_blk *b)
{
	struct blk_req *req = b->free;

	b->free = req->next;
	b->busy++;
	return req;
}

void blk_req_free(struct blk_req *req)
{
	req->chain = NULL;
	req->next = req->b->free;
	req->b->free = req;
	req->b->busy--;
}

uint8_t blk_status_of(struct virtio_blk *b, int result)
{
	if (!result)
		return BLK_S_OK;
	atomic_fetch_add_explicit(&b->errors, 1, memory_order_relaxed);
	return BLK_S_IOERR;
}

static void count(struct blk_req *req)
{
	struct virtio_blk *b = req->b;
	bool in = req->io.op == BLOCK_READ;

	if (req->io.op > BLOCK_WRITE)
		return;
	atomic_fetch_add_explicit(in ? &b->in_bytes : &b->out_bytes, req->bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(in ? &b->in_ops : &b->out_ops, 1, memory_order_relaxed);
}

/* The status is the last writable byte. A chain that has none is given back without a byte written: its driver
 * cannot be told, and nobody else is hurt. */
void blk_answer(struct blk_req *req, uint8_t status)
{
	struct virtio_blk *b = req->b;
	uint64_t room = ukvmm_chain_writable(req->chain);

	if (room > 1)
		ukvmm_chain_skip(req->chain, room - 1);
	if (room)
		ukvmm_chain_write(req->chain, &status, 1);
	ukvmm_queue_push(b->queue, req->chain);
	b->pushed = true;
	blk_req_free(req);
}

void blk_submit(struct blk_req *req)
{
	struct virtio_blk *b = req->b;

	req->at_engine = true;
	b->submitted = true;
	req->io.backend = b->backend;
	req->io.done = blk_io_done;
	blk_ref(b);
	b->engine->submit(b->engine, &req->io);
}

/* Bytes of the next piece; what is written is in the buffer then. 0: the chain is void. */
static uint64_t piece(struct blk_req *req)
{
	uint64_t len = req->left < BLK_PIECE ? req->left : BLK_PIECE;

	if (req->io.op > BLOCK_WRITE)
		return req->left;
	if (req->io.op == BLOCK_WRITE && ukvmm_chain_read(req->chain, req->buf, len) != (int64_t)len)
		return 0;
	return len;
}

/* 0: done; -EAGAIN: the engine is to do it; others: it failed. */
static int try_now(struct blk_req *req)
{
	struct block_io *io = &req->io;
	struct virtio_blk *b = req->b;
	int rc;

	if (io->op > BLOCK_WRITE || io->flags & BLOCK_SYNC || b->never_now[io->op] || b->turn_left < io->len)
		return -EAGAIN;
	rc = b->backend->ops->rw(b->backend, io->op, io->off, io->buf, io->len, io->flags | BLOCK_NOW);
	if (!rc)
		b->turn_left -= (uint32_t)io->len;
	if (rc != -EOPNOTSUPP)
		return rc;
	b->never_now[io->op] = true;
	return -EAGAIN;
}

/* After a piece: its bytes go to the guest, and it is behind us. False: the chain is void. */
static bool piece_done(struct blk_req *req, uint64_t len)
{
	req->off += len;
	req->left -= len;
	return req->io.op != BLOCK_READ || ukvmm_chain_write(req->chain, req->buf, len) == (int64_t)len;
}

/* What is at the engine, from its start: io's own range may have moved on. */
static uint64_t piece_len(const struct blk_req *req)
{
	if (req->io.op > BLOCK_WRITE)
		return req->left;
	return req->left < BLK_PIECE ? req->left : BLK_PIECE;
}

static void step(struct blk_req *req)
{
	while (req->left) {
		uint64_t len = piece(req);
		int rc;

		req->io.off = req->off;
		req->io.len = len;
		req->io.buf = req->buf;
		rc = len ? try_now(req) : -EIO;
		if (rc == -EAGAIN) {
			blk_submit(req);
			return;
		}
		if (rc || !piece_done(req, len)) {
			blk_answer(req, len ? blk_status_of(req->b, rc) : BLK_S_IOERR);
			return;
		}
	}
	count(req);
	blk_answer(req, BLK_S_OK);
}

static void start(struct blk_req *req)
{
	if (req->io.op == BLOCK_FLUSH)
		blk_flush(req);
	else
		step(req);
}

/* When a limited request may start; 0: now. */
static uint64_t wait_until(struct virtio_blk *b, const struct blk_req *req)
{
	uint64_t at, bytes = req->io.op == BLOCK_DISCARD ? 0 : req->bytes;

	pthread_mutex_lock(&b->lock);
	at = rate_take(&b->rate, bytes, ukvmm_now());
	pthread_mutex_unlock(&b->lock);
	return at;
}

void blk_retry_stalled(struct virtio_blk *b, bool free_of_limit)
{
	struct blk_req *req = b->stalled;
	uint64_t at;

	if (!req)
		return;
	at = free_of_limit || !atomic_load(&b->limited) ? 0 : wait_until(b, req);
	if (at) {
		ukvmm_device_timer(b->dev, at);
		return;
	}
	b->stalled = NULL;
	start(req);
}

static void begin(struct virtio_blk *b, struct ukvmm_chain *chain)
{
	struct blk_req *req = req_take(b);
	uint8_t status;

	req->chain = chain;
	status = blk_parse(req);
	if (status != BLK_S_NONE) {
		blk_answer(req, status);
		return;
	}
	if (!atomic_load_explicit(&b->limited, memory_order_relaxed)) {
		start(req);
		return;
	}
	b->stalled = req;
	blk_retry_stalled(b, false);
}

/* After a reset what its requests still write must not come behind what new ones write. */
static bool may_begin(const struct virtio_blk *b)
{
	return b->busy < b->depth && !b->voided && !b->stalled && !b->quiescing;
}

bool blk_pump(struct virtio_blk *b)
{
	for (; b->turn_chains && may_begin(b); b->turn_chains--) {
		struct ukvmm_chain *chain = ukvmm_queue_pop(b->queue);

		if (!chain)
			return false;
		begin(b, chain);
	}
	return may_begin(b);
}

static void completed(struct virtio_blk *b, struct blk_req *req)
{
	req->at_engine = false;
	if (!req->chain) {
		b->voided--;
		blk_req_free(req);
	} else if (req->io.op == BLOCK_FLUSH) {
		blk_flush_done(req);
	} else if (req->io.result) {
		blk_answer(req, blk_status_of(b, req->io.result));
	} else if (!piece_done(req, piece_len(req))) {
		blk_answer(req, BLK_S_IOERR);
	} else {
		step(req);
	}
}

static void completed_all(struct virtio_blk *b)
{
	struct block_io *io = blk_done_take(b);

	while (io) {
		struct blk_req *req = (struct blk_req *)io;

		io = io->next;
		completed(b, req);
	}
}

void blk_turn_begin(struct virtio_blk *b, uint32_t budget)
{
	b->turn_left = BLK_TURN;
	b->turn_chains = budget;
	completed_all(b);
}

static void go(struct virtio_blk *b)
{
	if (b->submitted && b->engine->go)
		b->engine->go(b->engine);
	b->submitted = false;
}

/* What the engine has done meanwhile is taken along, within the turn's limits: it may be as fast as we are. */
void blk_turn_end(struct virtio_blk *b)
{
	enum { TURNS = 8 };
	bool left, more = false;

	go(b);
	left = blk_done_leave(b, false);
	for (int i = 1; !left && i <= TURNS; i++) {
		completed_all(b);
		more = blk_pump(b);
		go(b);
		left = blk_done_leave(b, i == TURNS);
	}
	/* the ring may hold more, and nothing at the engine would bring us back to it */
	if (more)
		ukvmm_device_wake(b->dev);
	if (b->pushed)
		ukvmm_queue_notify(b->queue);
	b->pushed = false;
	if (b->quiescing && !b->busy) {
		blk_give_back(b);
		ukvmm_device_quiet(b->dev);
	}
}

void blk_void_all(struct virtio_blk *b)
{
	b->stalled = NULL;
	b->flushing.head = b->flush_next.head = NULL;
	for (uint32_t i = 0; i < BLK_REQUESTS; i++) {
		struct blk_req *req = &b->req[i];

		if (!req->chain)
			continue;
		if (!req->at_engine) {
			blk_req_free(req);
			continue;
		}
		req->chain = NULL;
		b->voided++;
	}
}
