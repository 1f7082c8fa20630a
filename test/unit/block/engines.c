/* SPDX-License-Identifier: Apache-2.0 */
/* Both engines on one random sequence of requests, and what each does when something is wrong. */
#include "../kvm/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "block.h"
#include "drive.h"
#include "raw.h"
#include "uring.h"

enum { BYTES = 8 << 20, STEPS = 1500, BATCH = 24, AREA = BYTES / BATCH / 512 * 512, PIECE = 64 << 10, WORKERS = 2 };

struct rig {
	struct drive d; /* for its host, which has one work thread */
	pthread_t worker[WORKERS];
	struct uring *ring; /* NULL: none here */
};

static void *work(void *arg)
{
	ukvmm_host_work(arg, 0);
	return NULL;
}

static void rig_init(struct rig *r)
{
	struct ukvmm_err err = { .size = sizeof err };
	int rc;

	memset(r, 0, sizeof *r);
	drive_init(&r->d);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&r->worker[i], NULL, work, r->d.host), 0);
	rc = host_ring(r->d.host, &r->ring, &err);
	assert_true(!rc || rc == -ENOTSUP);
	if (rc)
		print_message("no io_uring here: %s\n", err.text);
}

static void rig_fini(struct rig *r)
{
	ukvmm_host_stop(r->d.host);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(r->worker[i], NULL);
	drive_fini(&r->d);
}

static int file_of(uint64_t bytes)
{
	char path[] = "/tmp/ukvmm-engine-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

/* Requests whose done is counted. */
struct request {
	struct block_io io; /* first */
	struct batch *batch;
	uint8_t *buf;
	bool over;
};

struct batch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t done;
	struct request request[BATCH];
};

static void batch_done(struct block_io *io)
{
	struct batch *b = ((struct request *)io)->batch;

	pthread_mutex_lock(&b->lock);
	assert_false(((struct request *)io)->over);
	((struct request *)io)->over = true;
	b->done++;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static void batch_init(struct batch *b)
{
	memset(b, 0, sizeof *b);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	for (int i = 0; i < BATCH; i++) {
		b->request[i].batch = b;
		b->request[i].buf = malloc(PIECE);
	}
}

static void batch_fini(struct batch *b)
{
	for (int i = 0; i < BATCH; i++)
		free(b->request[i].buf);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
}

static void submit(struct block_engine *e, struct block_backend *disk, struct request *q)
{
	q->io.backend = disk;
	q->io.done = batch_done;
	q->io.buf = q->buf;
	q->over = false;
	e->submit(e, &q->io);
}

static uint32_t done_of(struct batch *b)
{
	uint32_t done;

	pthread_mutex_lock(&b->lock);
	done = b->done;
	pthread_mutex_unlock(&b->lock);
	return done;
}

/* With a ring, this thread is the one that reaps: what goes to the threads is waited for in between. */
static void batch_wait(struct batch *b, struct uring *ring, uint32_t n)
{
	struct io_uring_cqe *cqe;

	while (ring && done_of(b) < n) {
		struct __kernel_timespec soon = { .tv_nsec = 1000000 };

		io_uring_wait_cqe_timeout(&ring->ring, &cqe, &soon);
		uring_reap(ring);
	}
	pthread_mutex_lock(&b->lock);
	while (b->done < n)
		pthread_cond_wait(&b->changed, &b->lock);
	b->done = 0;
	pthread_mutex_unlock(&b->lock);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A request inside of the area with this index: what is in flight together does not overlap. */
static void random_request(struct request *q, uint32_t index, uint32_t *seed)
{
	static const enum block_op op[] = { BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH,
		BLOCK_ZERO, BLOCK_ZERO };
	uint64_t first = next(seed) % (AREA / 512 - PIECE / 512);

	q->io.op = op[next(seed) % 8];
	q->io.flags = 0;
	if (q->io.op == BLOCK_WRITE || q->io.op == BLOCK_ZERO)
		q->io.flags = (next(seed) % 8 ? 0 : BLOCK_SYNC) | (next(seed) % 2 ? 0 : BLOCK_UNMAP);
	if (q->io.op != BLOCK_ZERO)
		q->io.flags &= BLOCK_SYNC;
	q->io.off = index * (uint64_t)AREA + first * 512;
	q->io.len = q->io.op == BLOCK_FLUSH ? 0 : 512 * (1 + next(seed) % (PIECE / 512));
	memset(q->buf, (int)(next(seed) & 0xff), PIECE);
}

/* Every result and everything that was read, as one number; the disk as it is then in `disk`. */
static uint64_t run(struct block_engine *e, struct uring *ring, uint8_t *disk)
{
	int fd = file_of(BYTES);
	struct block_backend *b;
	struct batch batch;
	uint32_t seed = 4711;
	uint64_t sum = 0;

	batch_init(&batch);
	assert_int_equal(block_raw(&b, fd, false, "disk", NULL), 0);
	assert_int_equal(e->add(e, b), 0);
	for (int step = 0; step < STEPS / BATCH; step++) {
		if (step == STEPS / BATCH / 2) /* the last area is gone from here on */
			assert_int_equal(ftruncate(fd, BYTES - 2 * AREA), 0);
		for (uint32_t i = 0; i < BATCH; i++) {
			random_request(&batch.request[i], i, &seed);
			submit(e, b, &batch.request[i]);
		}
		if (e->go)
			e->go(e);
		batch_wait(&batch, ring, BATCH);
		for (uint32_t i = 0; i < BATCH; i++) {
			const struct request *q = &batch.request[i];

			sum = sum * 31 + (uint64_t)(int64_t)q->io.result;
			for (uint32_t at = 0; !q->io.result && q->io.op == BLOCK_READ && at < PIECE; at += 256)
				sum = sum * 31 + q->buf[at];
		}
		/* it grows again where it was written: make it the same for all */
		if (step >= STEPS / BATCH / 2)
			assert_int_equal(ftruncate(fd, BYTES - 2 * AREA), 0);
	}
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(file_rw(fd, BLOCK_READ, 0, disk, BYTES, 0), 0);
	e->remove(e, b);
	b->ops->close(b);
	batch_fini(&batch);
	close(fd);
	return sum;
}

static void plain_submit(struct block_engine *e, struct block_io *io)
{
	(void)e;
	block_io_run(io);
	io->done(io);
}

static int plain_add(struct block_engine *e, struct block_backend *b)
{
	(void)e;
	(void)b;
	return 0;
}

static void plain_remove(struct block_engine *e, struct block_backend *b)
{
	(void)e;
	(void)b;
}

static void engines_agree(void **state)
{
	struct block_engine plain = { .add = plain_add, .remove = plain_remove, .submit = plain_submit };
	uint8_t *expected = malloc(BYTES), *got = malloc(BYTES);
	uint64_t sum;
	struct rig r;

	(void)state;
	rig_init(&r);
	sum = run(&plain, NULL, expected);
	assert_int_equal(run(&r.d.host->threads.engine, NULL, got), sum);
	assert_memory_equal(got, expected, BYTES);
	if (r.ring) {
		memset(got, 0, BYTES);
		assert_int_equal(run(uring_engine(r.ring), r.ring, got), sum);
		assert_memory_equal(got, expected, BYTES);
	}
	free(expected);
	free(got);
	rig_fini(&r);
	if (!r.ring)
		skip();
}

/* A disk that does not answer: its operations wait for `open`. */
struct gate {
	struct block_backend b;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;
	uint32_t inside;
};

static int gate_rw(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags)
{
	struct gate *g = (struct gate *)b;

	(void)op;
	(void)off;
	(void)buf;
	(void)len;
	(void)flags;
	pthread_mutex_lock(&g->lock);
	g->inside++;
	while (!g->open)
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

static void disk_that_hangs_stalls_itself(void **state)
{
	static const struct block_ops ops = { .rw = gate_rw };
	struct gate g = { .b = { .ops = &ops, .ring_fd = -1, .ring_slot = -1 }, .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	struct block_engine *e;
	struct block_backend *b;
	struct batch hung, well;
	struct rig r;
	int fd = file_of(BYTES);

	(void)state;
	rig_init(&r);
	e = &r.d.host->threads.engine;
	batch_init(&hung);
	batch_init(&well);
	assert_int_equal(block_raw(&b, fd, false, "disk", NULL), 0);
	assert_int_equal(e->add(e, &g.b), 0);
	assert_int_equal(e->add(e, b), 0);
	/* known to the host: all work threads are there */
	for (uint32_t n = 0; n < WORKERS + 1;) {
		pthread_mutex_lock(&r.d.host->lock);
		n = r.d.host->workers;
		pthread_mutex_unlock(&r.d.host->lock);
	}
	for (uint32_t i = 0; i < BATCH; i++) {
		hung.request[i].io = (struct block_io){ .op = BLOCK_READ, .len = 512 };
		submit(e, &g.b, &hung.request[i]);
	}
	for (uint32_t i = 0; i < BATCH; i++) {
		well.request[i].io = (struct block_io){ .op = BLOCK_WRITE, .off = i * 512, .len = 512 };
		submit(e, b, &well.request[i]);
	}
	batch_wait(&well, NULL, BATCH);
	assert_int_equal(done_of(&hung), 0);
	pthread_mutex_lock(&g.lock);
	assert_true(g.inside <= WORKERS);
	g.open = true;
	pthread_cond_broadcast(&g.changed);
	pthread_mutex_unlock(&g.lock);
	batch_wait(&hung, NULL, BATCH);
	e->remove(e, &g.b);
	e->remove(e, b);
	b->ops->close(b);
	batch_fini(&hung);
	batch_fini(&well);
	close(fd);
	rig_fini(&r);
}

static int ring_try(struct uring *u, struct io_uring_sqe *(*prepare)(struct uring *u))
{
	struct io_uring_cqe *cqe;
	int rc;

	prepare(u);
	rc = io_uring_submit_and_wait(&u->ring, 1);
	assert_true(rc >= 0);
	assert_int_equal(io_uring_wait_cqe(&u->ring, &cqe), 0);
	rc = cqe->res;
	io_uring_cqe_seen(&u->ring, cqe);
	return rc;
}

static struct io_uring_sqe *open_passwd(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	return sqe;
}

static struct io_uring_sqe *socket_new(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	io_uring_prep_socket(sqe, 1, 1, 0, 0);
	return sqe;
}

static struct io_uring_sqe *read_own_fd(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	static char byte;

	io_uring_prep_read(sqe, 0, &byte, 1, 0);
	return sqe;
}

static void ring_can_do_its_four_operations_only(void **state)
{
	struct io_uring_probe probe;
	struct rig r;

	(void)state;
	rig_init(&r);
	if (r.ring) {
		assert_int_equal(ring_try(r.ring, open_passwd), -EACCES);
		assert_int_equal(ring_try(r.ring, socket_new), -EACCES);
		assert_int_equal(ring_try(r.ring, read_own_fd), -EACCES);
		assert_int_equal(io_uring_register_probe(&r.ring->ring, &probe, 0), -EACCES);
	}
	rig_fini(&r);
	if (!r.ring)
		skip();
}

static bool submit_fails;
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int __wrap_io_uring_submit(struct io_uring *ring)
{
	return submit_fails ? -EAGAIN : __real_io_uring_submit(ring);
}

struct many {
	struct block_engine *e;
	struct block_backend *b;
	struct request *q;
	uint32_t n;
};

/* More than the ring has entries; a kernel that takes none; a thread that is gone before they are done. */
static void *submit_many(void *arg)
{
	struct many *a = arg;

	for (uint32_t i = 0; i < a->n; i++) {
		a->q[i].io = (struct block_io){ .op = BLOCK_WRITE, .off = i * 512, .len = 512, .flags = BLOCK_SYNC };
		submit(a->e, a->b, &a->q[i]);
	}
	a->e->go(a->e);
	return NULL;
}

static void requests_survive_a_ring_in_trouble(void **state)
{
	enum { MANY = URING_ENTRIES + 44 };
	struct many a;
	struct request *q = calloc(MANY, sizeof *q);
	int fd = file_of(MANY * 512);
	struct batch batch;
	pthread_t thread;
	uint8_t buf[512];
	struct rig r;

	(void)state;
	rig_init(&r);
	for (int round = 0; r.ring && round < 2; round++) {
		batch_init(&batch);
		assert_int_equal(block_raw(&a.b, fd, false, "disk", NULL), 0);
		a.e = uring_engine(r.ring);
		a.q = q;
		a.n = MANY;
		assert_int_equal(a.e->add(a.e, a.b), 0);
		for (int i = 0; i < MANY; i++) {
			q[i] = (struct request){ .batch = &batch, .buf = malloc(512) };
			memset(q[i].buf, i + round, 512);
		}
		submit_fails = round == 1;
		assert_int_equal(pthread_create(&thread, NULL, submit_many, &a), 0);
		pthread_join(thread, NULL);
		batch_wait(&batch, r.ring, MANY);
		submit_fails = false;
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(q[i].io.result, 0);
			assert_int_equal(file_rw(fd, BLOCK_READ, (uint64_t)i * 512, buf, 512, 0), 0);
			assert_int_equal(buf[511], (uint8_t)(i + round));
			free(q[i].buf);
		}
		a.e->remove(a.e, a.b);
		a.b->ops->close(a.b);
		batch_fini(&batch);
	}
	free(q);
	close(fd);
	rig_fini(&r);
	if (!r.ring)
		skip();
}

static void ring_follows_a_rebind(void **state)
{
	int fd = file_of(4096), other = file_of(4096);
	struct block_backend *b;
	struct block_engine *e;
	struct batch batch;
	struct rig r;
	uint8_t byte;

	(void)state;
	rig_init(&r);
	if (r.ring) {
		e = uring_engine(r.ring);
		batch_init(&batch);
		assert_int_equal(block_raw(&b, fd, false, "disk", NULL), 0);
		assert_int_equal(e->add(e, b), 0);
		assert_int_equal(b->ops->rebind(b, other), 0);
		assert_int_equal(e->add(e, b), 0);
		assert_true(b->ring_slot >= 0);
		batch.request[0].io = (struct block_io){ .op = BLOCK_WRITE, .len = 512 };
		memset(batch.request[0].buf, 0x6b, 512);
		submit(e, b, &batch.request[0]);
		e->go(e);
		batch_wait(&batch, r.ring, 1);
		assert_int_equal(file_rw(other, BLOCK_READ, 0, &byte, 1, 0), 0);
		assert_int_equal(byte, 0x6b);
		e->remove(e, b);
		b->ops->close(b);
		batch_fini(&batch);
	}
	close(fd);
	close(other);
	rig_fini(&r);
	if (!r.ring)
		skip();
}

/* The ring would ask the kernel again, which may have dropped what it could not write. */
static void ring_does_not_try_a_failed_flush_again(void **state)
{
	int fd = file_of(4096);
	struct block_backend *b;
	struct block_engine *e;
	struct batch batch;
	struct rig r;

	(void)state;
	rig_init(&r);
	if (r.ring) {
		e = uring_engine(r.ring);
		batch_init(&batch);
		assert_int_equal(block_raw(&b, fd, false, "disk", NULL), 0);
		assert_int_equal(e->add(e, b), 0);
		atomic_store(&b->lost, -EIO);
		batch.request[0].io = (struct block_io){ .op = BLOCK_FLUSH };
		submit(e, b, &batch.request[0]);
		e->go(e);
		batch_wait(&batch, r.ring, 1);
		assert_int_equal(batch.request[0].io.result, -EIO);
		e->remove(e, b);
		b->ops->close(b);
		batch_fini(&batch);
	}
	close(fd);
	rig_fini(&r);
	if (!r.ring)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engines_agree),
		cmocka_unit_test(disk_that_hangs_stalls_itself),
		cmocka_unit_test(ring_can_do_its_four_operations_only),
		cmocka_unit_test(requests_survive_a_ring_in_trouble),
		cmocka_unit_test(ring_follows_a_rebind),
		cmocka_unit_test(ring_does_not_try_a_failed_flush_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
