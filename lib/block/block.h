/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host ends of a disk: raw bytes at offsets. A back end's operations may be called by several threads at once,
 * for ranges that the caller has checked against `bytes`. Content never chooses a format.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { BLOCK_SECTOR = 512 };

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO, BLOCK_OPS };

enum { BLOCK_NOW = 1,	/* do it only if it cannot block (RWF_NOWAIT, memory): else -EAGAIN and nothing done */
       BLOCK_SYNC = 2,	/* WRITE, ZERO, DISCARD: on the medium when it returns */
       BLOCK_UNMAP = 4, /* ZERO: space may be given back */
};

struct block_backend;

/*
 * rw       BLOCK_READ or BLOCK_WRITE of exactly [off, off + len): 0, or a negative errno (-EIO for a read that ended
 *          short: the file shrank). A partial result is continued, never replayed.
 * flush    everything written before is on the medium when it returns (fdatasync). Once it has failed it fails for good,
 *          until a rebind: the kernel may have dropped what it could not write, and would not say so a second time.
 * zero     reads as zero from then on; BLOCK_UNMAP as above. -EOPNOTSUPP never: it falls back to writing zeroes.
 * discard  content undefined from then on; 0 also where the medium cannot.
 * rebind   the same back end over another fd (dup'ed); -EINVAL: other size.
 * ring_fd  an fd whose bytes at these offsets are the disk's, for an engine that submits itself; -1: only through
 *          the operations (overlay, memory).
 * flush_free  flush never blocks: there is nothing to flush to.
 * close    frees it; nothing of it is under way.
 */
struct block_ops {
	int (*rw)(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags);
	int (*flush)(struct block_backend *b);
	int (*zero)(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags);
	int (*discard)(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags);
	int (*rebind)(struct block_backend *b, int fd);
	void (*close)(struct block_backend *b);
};

struct block_backend {
	const struct block_ops *ops;
	uint64_t bytes; /* capacity, whole sectors */
	bool read_only, can_discard, flush_free;
	uint32_t fds; /* that it holds */
	_Atomic int lost; /* 0, or why a flush has failed, negative */
	int ring_fd;
	int ring_slot;	   /* these two are the engine's, from its `add` to its `remove` */
	void *engine_disk;
};

struct ukvmm_err;

/* fd is dup'ed; a regular file or block device (-ENOTBLK otherwise), opened for what is wanted (-EBADF). */
int block_raw(struct block_backend **out, int fd, bool read_only, const char *object, struct ukvmm_err *err);
/* bytes of memory, zero: for tests and as a scratch disk. */
int block_memory(struct block_backend **out, uint64_t bytes, const char *object, struct ukvmm_err *err);
/*
 * Copy on write over `base` (owned from then on, closed also on failure; only read): the top is sparse memory, or
 * the file top_fd (-1: memory) of this library's own format with a bitmap, whose metadata is hostile input and is
 * checked against the base. A flush orders the bitmap behind the data.
 */
int block_overlay(struct block_backend **out, struct block_backend *base, int top_fd, const char *object,
	struct ukvmm_err *err);

/*
 * One request on its way through an engine. The submitter owns it and keeps back end and buffer alive until
 * done(io) was called, once, on any thread, with no lock held: result is 0 or a negative errno.
 */
struct block_io {
	struct block_io *next; /* the engine's, then the submitter's */
	struct block_backend *backend;
	enum block_op op;
	uint32_t flags;
	uint64_t off, len; /* an engine may move these three on, past what is done */
	void *buf; /* READ, WRITE: len bytes */
	int result;
	void (*done)(struct block_io *io);
};

/* Does it on this thread, blocking, and sets result; does not call done. */
void block_io_run(struct block_io *io);

/*
 * Where requests that may block are done: the host's work threads, or its io_uring. Any thread may call.
 * add     a back end joins, before its first submit, or has been rebound: 0 or a negative errno.
 * remove  leaves, before its close and after the last done; may be called from within that.
 * submit  never fails: done tells.
 * go      after one submit or several: starts them. An engine may have started them already.
 * depth   how many requests of one disk it can make use of at once; 0: any number. A front end that keeps to it leaves
 *         the others in the guest's ring, where they need no notification.
 * add, remove and go may be NULL.
 */
struct block_engine {
	int (*add)(struct block_engine *e, struct block_backend *b);
	void (*remove)(struct block_engine *e, struct block_backend *b);
	void (*submit)(struct block_engine *e, struct block_io *io);
	void (*go)(struct block_engine *e);
	uint32_t depth;
};

/*
 * The io_uring engine: one ring per host, its registered files only, restricted to READ, WRITE, FSYNC and FALLOCATE
 * of those (host-side: a ring passes seccomp by). -ENOTSUP: no io_uring here. `fd` becomes readable when requests
 * have completed; uring_reap calls their done. Back ends with ring_fd -1, and operations that the ring cannot do,
 * go to `other`.
 */
struct uring;
int uring_new(struct uring **out, struct block_engine *other, struct ukvmm_err *err);
struct block_engine *uring_engine(struct uring *u);
int uring_fd(const struct uring *u);
void uring_reap(struct uring *u); /* any thread */
void uring_drain(struct uring *u); /* waits until nothing is under way in the ring */
void uring_free(struct uring *u);  /* nothing is; NULL is ignored */

#endif
