/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FLUSH covers every write that was answered before it was sent (virtio 1.2 §5.2.6.2). One is at the engine at a
 * time; those that come meanwhile cannot share it, since it may have begun before a write of theirs ended, but they
 * share the next one. So no guest keeps more than one thread busy with flushes.
 */
#include "blk.h"

static void begin(struct virtio_blk *b)
{
	struct blk_req *req;

	b->flushing = b->flush_next;
	b->flush_next.head = NULL;
	req = b->flushing.head;
	if (req)
		blk_submit(req);
}

void blk_flush(struct blk_req *req)
{
	struct virtio_blk *b = req->b;

	if (b->backend->flush_free) {
		blk_answer(req, blk_status_of(b, b->backend->ops->flush(b->backend)));
		return;
	}
	blk_list_add(&b->flush_next, req);
	if (!b->flushing.head)
		begin(b);
}

void blk_flush_done(struct blk_req *req)
{
	struct virtio_blk *b = req->b;
	uint8_t status = blk_status_of(b, req->io.result);

	while ((req = blk_list_take(&b->flushing)))
		blk_answer(req, status);
	begin(b);
}
