/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the block device (virtio 1.2 §5.2). A request owns one bounce buffer and goes through its data in pieces
 * of at most BLK_PIECE; a piece is done at once where the back end can, else by the engine. Requests are the bound
 * of what is in flight: with none free, chains wait in the avail ring.
 *
 * Everything belongs to the callback thread, but what `lock` guards: done() comes on any thread. A reset or destroy
 * lets go of the chains at once; requests that the engine has finish into their own buffers. They hold a reference.
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bucket.h"
#include "devices.h"

enum {
	BLK_REQUESTS = 64,
	BLK_PIECE = 128 << 10,
	BLK_TURN = 1 << 20, /* bytes done at once in one callback: more goes to the engine, so that it ends */
	BLK_BUDGET = 64,    /* chains begun in one callback */
	BLK_ID = 20,
	BLK_SEGMENTS = 254, /* of data; with header and status a queue of 256 */
};
#define BLK_DISCARD_SECTORS (1u << 22) /* 2 GiB */
#define BLK_ZERO_SECTORS (1u << 17)    /* 64 MiB: it may have to be written */

enum { /* feature bits, §5.2.3 */
	BLK_F_SEG_MAX = 1 << 2,
	BLK_F_RO = 1 << 5,
	BLK_F_BLK_SIZE = 1 << 6,
	BLK_F_FLUSH = 1 << 9,
	BLK_F_CONFIG_WCE = 1 << 11,
	BLK_F_DISCARD = 1 << 13,
	BLK_F_WRITE_ZEROES = 1 << 14,
};

enum { BLK_T_IN = 0, BLK_T_OUT = 1, BLK_T_FLUSH = 4, BLK_T_GET_ID = 8, BLK_T_DISCARD = 11, BLK_T_WRITE_ZEROES = 13 };
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2, BLK_S_NONE = 255 /* none yet: it is to be done */ };

struct blk_header { /* of every request; little-endian, as all hosts of this library are */
	uint32_t type, reserved;
	uint64_t sector;
};

struct blk_range { /* of DISCARD and WRITE_ZEROES */
	uint64_t sector;
	uint32_t sectors, flags;
};

struct blk_config { /* §5.2.4; zero is what a field has whose feature is not offered */
	uint64_t capacity; /* sectors */
	uint32_t size_max, seg_max;
	uint8_t geometry[4];
	uint32_t blk_size;
	uint8_t topology[8];
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};
enum { BLK_CONFIG_BYTES = 60 }; /* without what the compiler adds */

struct blk_req {
	struct block_io io; /* first */
	struct virtio_blk *b;
	struct ukvmm_chain *chain; /* NULL: void, a reset came */
	struct blk_req *next;
	uint8_t *buf;
	uint64_t off, left; /* what is not done yet */
	uint64_t bytes;	    /* all of it */
	bool at_engine;
};

struct blk_list {
	struct blk_req *head, *tail;
};

struct virtio_blk {
	struct block_backend *backend;
	struct block_engine *engine;
	struct ukvmm_device *dev; /* from attach on */
	struct ukvmm_queue *queue;
	char id[BLK_ID];
	uint64_t features, offered;
	uint32_t depth;
	bool joined; /* the engine knows the back end */

	/* callback thread */
	struct blk_req *free;
	uint32_t busy;		   /* requests that are not free, `depth` at most; */
	uint32_t voided;	   /* of those, at the engine without a chain */
	struct blk_req *stalled;   /* waits for the rate limit */
	struct blk_list flushing;  /* answered by the flush that the head has at the engine; */
	struct blk_list flush_next; /* these by the one after */
	bool never_now[2];	   /* READ, WRITE: BLOCK_NOW is -EOPNOTSUPP */
	bool quiescing, pushed, submitted;
	uint32_t turn_left;	   /* of BLK_TURN; */
	uint32_t turn_chains;	   /* of its budget */

	pthread_mutex_t lock;
	struct block_io *done, **done_tail;
	bool in_turn; /* the callback thread will look at `done`: no need to wake it */
	bool gone;    /* destroyed */
	uint32_t refs; /* the device's, and one for each request at the engine or in `done` */
	struct rate rate;
	atomic_bool limited;

	_Atomic uint64_t in_bytes, in_ops, out_bytes, out_ops, errors;
	uint8_t *buffers;
	struct blk_req req[BLK_REQUESTS];
};

/* blk_parse.c: reads the chain's header and fills in op, range and flags. BLK_S_NONE, or the answer. */
uint8_t blk_parse(struct blk_req *req);
/* blk_run.c, callback thread */
void blk_turn_begin(struct virtio_blk *b, uint32_t budget);
/* Begins what waits in the ring; true: the turn's budget ended it. */
bool blk_pump(struct virtio_blk *b);
void blk_retry_stalled(struct virtio_blk *b, bool free_of_limit);
void blk_turn_end(struct virtio_blk *b);
void blk_void_all(struct virtio_blk *b); /* no chain is there any more */
/* blk_flush.c */
void blk_flush(struct blk_req *req);
void blk_flush_done(struct blk_req *req);
/* blk.c: the memory of buffers, if none is in use */
void blk_give_back(struct virtio_blk *b);
/* between those two */
void blk_answer(struct blk_req *req, uint8_t status);
void blk_submit(struct blk_req *req);
void blk_req_free(struct blk_req *req);
uint8_t blk_status_of(struct virtio_blk *b, int result);
/* blk_done.c: completions, and who frees all */
void blk_io_done(struct block_io *io);
struct block_io *blk_done_take(struct virtio_blk *b); /* the turn goes on */
/* It ends; false: not yet, something is in `done`. With `now` it ends, and there will be another. */
bool blk_done_leave(struct virtio_blk *b, bool now);
void blk_gone(struct virtio_blk *b); /* destroy */
void blk_ref(struct virtio_blk *b);
void blk_unref(struct virtio_blk *b);

static inline void blk_list_add(struct blk_list *l, struct blk_req *req)
{
	req->next = NULL;
	if (l->head)
		l->tail->next = req;
	else
		l->head = req;
	l->tail = req;
}

static inline struct blk_req *blk_list_take(struct blk_list *l)
{
	struct blk_req *req = l->head;

	if (req)
		l->head = req->next;
	return req;
}

#endif
