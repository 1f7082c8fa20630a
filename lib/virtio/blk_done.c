/* SPDX-License-Identifier: Apache-2.0 */
/* What any thread may do: bring a request back. The last one to let go frees the device's memory and back end. */
#include <stdlib.h>
#include <sys/mman.h>

#include "blk.h"

static void blk_free(struct virtio_blk *b)
{
	if (b->joined && b->engine->remove)
		b->engine->remove(b->engine, b->backend);
	b->backend->ops->close(b->backend);
	if (b->buffers)
		munmap(b->buffers, (size_t)BLK_REQUESTS * BLK_PIECE);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void blk_ref(struct virtio_blk *b)
{
	pthread_mutex_lock(&b->lock);
	b->refs++;
	pthread_mutex_unlock(&b->lock);
}

void blk_unref(struct virtio_blk *b)
{
	bool last;

	pthread_mutex_lock(&b->lock);
	last = !--b->refs;
	pthread_mutex_unlock(&b->lock);
	if (last)
		blk_free(b);
}

void blk_io_done(struct block_io *io)
{
	struct virtio_blk *b = ((struct blk_req *)io)->b;
	bool gone;

	pthread_mutex_lock(&b->lock);
	gone = b->gone;
	if (!gone) {
		bool first = !b->done;

		io->next = NULL;
		*(first ? &b->done : b->done_tail) = io;
		b->done_tail = &io->next;
		/* With the lock: destroy cannot begin. */
		if (first && !b->in_turn)
			ukvmm_device_wake(b->dev);
	}
	pthread_mutex_unlock(&b->lock);
	if (gone)
		blk_unref(b);
}

/* Lock held. Their references go: the device's own is there. */
static struct block_io *take(struct virtio_blk *b)
{
	struct block_io *list = b->done;

	for (struct block_io *io = list; io; io = io->next)
		b->refs--;
	b->done = NULL;
	return list;
}

struct block_io *blk_done_take(struct virtio_blk *b)
{
	struct block_io *list;

	pthread_mutex_lock(&b->lock);
	b->in_turn = true;
	list = take(b);
	pthread_mutex_unlock(&b->lock);
	return list;
}

bool blk_done_leave(struct virtio_blk *b, bool now)
{
	bool left;

	pthread_mutex_lock(&b->lock);
	left = now || !b->done;
	b->in_turn = !left;
	if (left && b->done)
		ukvmm_device_wake(b->dev);
	pthread_mutex_unlock(&b->lock);
	return left;
}

void blk_gone(struct virtio_blk *b)
{
	pthread_mutex_lock(&b->lock);
	b->gone = true;
	take(b);
	pthread_mutex_unlock(&b->lock);
	blk_unref(b);
}
