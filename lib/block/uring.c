/* SPDX-License-Identifier: Apache-2.0 */
#include "uring.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "err.h"

static struct uring *of(struct block_engine *e)
{
	return (struct uring *)e;
}

/* What is one operation of a ring. */
static bool fits(const struct block_io *io)
{
	if (io->backend->ring_slot < 0)
		return false;
	switch (io->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return io->len && io->len <= INT32_MAX;
	case BLOCK_FLUSH: /* the back end remembers one that failed */
		return !atomic_load(&io->backend->lost);
	default: /* fallocate, and fdatasync after it */
		return io->len && !(io->flags & BLOCK_SYNC);
	}
}

static void prepare(struct io_uring_sqe *sqe, struct block_io *io)
{
	int slot = io->backend->ring_slot, mode = FALLOC_FL_KEEP_SIZE;

	switch (io->op) {
	case BLOCK_READ:
		io_uring_prep_read(sqe, slot, io->buf, (unsigned)io->len, io->off);
		break;
	case BLOCK_WRITE:
		io_uring_prep_write(sqe, slot, io->buf, (unsigned)io->len, io->off);
		sqe->rw_flags = io->flags & BLOCK_SYNC ? RWF_DSYNC : 0;
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(sqe, slot, IORING_FSYNC_DATASYNC);
		break;
	default:
		mode |= io->op == BLOCK_DISCARD || io->flags & BLOCK_UNMAP ? FALLOC_FL_PUNCH_HOLE
									   : FALLOC_FL_ZERO_RANGE;
		io_uring_prep_fallocate(sqe, slot, mode, (off_t)io->off, (off_t)io->len);
		break;
	}
	sqe->flags = IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, io);
}

/* Lock held. Requests that the kernel does not take (it has no memory) are taken back, as a list: nobody would
 * submit them again. The entries behind *khead are ours while no kernel thread polls the queue. */
static struct block_io *submit_all(struct uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;
	struct block_io *back = NULL;
	unsigned taken, tail;

	while (io_uring_sq_ready(&u->ring) && io_uring_submit(&u->ring) > 0)
		;
	if (!io_uring_sq_ready(&u->ring))
		return NULL;
	tail = sq->sqe_tail;
	taken = __atomic_load_n(sq->khead, __ATOMIC_ACQUIRE);
	while (tail != taken) {
		struct block_io *io = (struct block_io *)(uintptr_t)sq->sqes[--tail & *sq->kring_mask].user_data;

		io->next = back;
		back = io;
		u->under_way--;
	}
	sq->sqe_tail = sq->sqe_head = taken;
	__atomic_store_n(sq->ktail, taken, __ATOMIC_RELEASE);
	return back;
}

static void give_all(struct block_engine *other, struct block_io *list)
{
	while (list) {
		struct block_io *io = list;

		list = io->next;
		other->submit(other, io);
	}
}

/* A place in the queue for one more; NULL: it is the other engine's. Lock held; *back as from submit_all. */
static struct io_uring_sqe *place(struct uring *u, struct block_io **back)
{
	struct io_uring_sqe *sqe;

	if (u->under_way == URING_UNDER_WAY)
		return NULL;
	sqe = io_uring_get_sqe(&u->ring);
	if (sqe)
		return sqe;
	*back = submit_all(u);
	return io_uring_get_sqe(&u->ring);
}

static void engine_submit(struct block_engine *e, struct block_io *io)
{
	struct uring *u = of(e);
	struct block_io *back = NULL;
	struct io_uring_sqe *sqe = NULL;

	if (fits(io)) {
		pthread_mutex_lock(&u->lock);
		sqe = place(u, &back);
		if (sqe) {
			prepare(sqe, io);
			u->under_way++;
		}
		pthread_mutex_unlock(&u->lock);
	}
	if (!sqe)
		u->other->submit(u->other, io);
	give_all(u->other, back);
}

static void engine_go(struct block_engine *e)
{
	struct uring *u = of(e);
	struct block_io *back;

	pthread_mutex_lock(&u->lock);
	back = submit_all(u);
	pthread_mutex_unlock(&u->lock);
	give_all(u->other, back);
	if (u->other->go)
		u->other->go(u->other);
	uring_reap(u); /* what was in the page cache after all is done by now */
}

static int engine_add(struct block_engine *e, struct block_backend *b)
{
	struct uring *u = of(e);
	int rc = u->other->add ? u->other->add(u->other, b) : 0;

	if (rc || b->ring_fd < 0)
		return rc;
	pthread_mutex_lock(&u->lock);
	if (b->ring_slot >= 0) /* it has another fd now */
		uring_slot_give(u, b->ring_slot);
	/* a full table is no reason to fail: the other engine can do everything */
	rc = uring_slot_take(u, b->ring_fd);
	b->ring_slot = rc < 0 ? -1 : rc;
	pthread_mutex_unlock(&u->lock);
	return 0;
}

static void engine_remove(struct block_engine *e, struct block_backend *b)
{
	struct uring *u = of(e);

	if (b->ring_slot >= 0) {
		pthread_mutex_lock(&u->lock);
		uring_slot_give(u, b->ring_slot);
		pthread_mutex_unlock(&u->lock);
		b->ring_slot = -1;
	}
	if (u->other->remove)
		u->other->remove(u->other, b);
}

/* Takes completions as a list, oldest first; results in `result`. */
static struct block_io *take(struct uring *u)
{
	struct block_io *head = NULL, **tail = &head;
	struct io_uring_cqe *cqe;

	pthread_mutex_lock(&u->lock);
	while (!io_uring_peek_cqe(&u->ring, &cqe)) {
		struct block_io *io = io_uring_cqe_get_data(cqe);

		io->result = cqe->res;
		io_uring_cqe_seen(&u->ring, cqe);
		u->under_way--;
		*tail = io;
		tail = &io->next;
	}
	*tail = NULL;
	pthread_mutex_unlock(&u->lock);
	return head;
}

/* The kernel cannot do it here, or the thread that asked is gone and its requests with it. */
static bool others(const struct block_io *io)
{
	if (io->result == -EAGAIN || io->result == -EINTR || io->result == -ECANCELED)
		return true;
	return io->op >= BLOCK_DISCARD && (io->result == -EOPNOTSUPP || io->result == -EINVAL);
}

/* true: done, with its result. */
static bool settle(struct block_io *io)
{
	uint64_t n = io->result > 0 ? (uint64_t)io->result : 0;

	if (io->op == BLOCK_FLUSH && io->result < 0 && !others(io))
		atomic_store(&io->backend->lost, io->result);
	if (io->op > BLOCK_WRITE || io->result < 0)
		return !others(io);
	if (!n) { /* the file shrank */
		io->result = -EIO;
		return true;
	}
	io->off += n;
	io->len -= n;
	io->buf = (uint8_t *)io->buf + n;
	io->result = 0;
	return !io->len;
}

void uring_reap(struct uring *u)
{
	struct block_io *list = take(u);
	bool rest = false;

	while (list) {
		struct block_io *io = list;

		list = io->next;
		if (settle(io)) {
			io->done(io);
		} else {
			u->other->submit(u->other, io);
			rest = true;
		}
	}
	if (rest && u->other->go)
		u->other->go(u->other);
}

int uring_new(struct uring **out, struct block_engine *other, struct ukvmm_err *err)
{
	struct uring *u = calloc(1, sizeof *u);
	int rc;

	if (!u)
		return err_set(err, -ENOMEM, "calloc", "host", "out of memory");
	rc = uring_setup(u, err);
	if (rc) {
		free(u);
		return rc;
	}
	pthread_mutex_init(&u->lock, NULL);
	u->engine = (struct block_engine){ .add = engine_add, .remove = engine_remove, .submit = engine_submit,
		.go = engine_go };
	u->other = other;
	*out = u;
	return 0;
}

struct block_engine *uring_engine(struct uring *u)
{
	return &u->engine;
}

int uring_fd(const struct uring *u)
{
	return u->ring.ring_fd;
}

static bool busy(struct uring *u)
{
	bool any;

	pthread_mutex_lock(&u->lock);
	any = u->under_way;
	pthread_mutex_unlock(&u->lock);
	return any;
}

void uring_drain(struct uring *u)
{
	struct io_uring_cqe *cqe;

	while (busy(u)) {
		engine_go(&u->engine);
		if (busy(u))
			io_uring_wait_cqe(&u->ring, &cqe); /* the next reap takes it */
	}
}

void uring_free(struct uring *u)
{
	if (!u)
		return;
	io_uring_queue_exit(&u->ring);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
