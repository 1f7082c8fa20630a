/* SPDX-License-Identifier: Apache-2.0 */
/* The split ring: virtio 1.2 §2.7. doc/virtio.md draws it. */
#include "dev.h"

#include "export.h"

enum virtio_violation queue_place(struct ukvmm_queue *q)
{
	const struct mem *mem = q->dev->config.mem;
	uint64_t size = q->size;

	if (!size || q->desc_gpa & 15 || q->avail_gpa & 1 || q->used_gpa & 3)
		return VIRTIO_RING_PLACE;
	/* §2.7 counts the event fields in, negotiated or not. */
	q->desc = mem_ptr(mem, q->desc_gpa, size * sizeof(struct ring_desc));
	q->avail = mem_ptr(mem, q->avail_gpa, 6 + 2 * size);
	q->used = mem_ptr(mem, q->used_gpa, 6 + sizeof(struct ring_used_elem) * size);
	return q->desc && q->avail && q->used ? VIRTIO_OK : VIRTIO_RING_PLACE;
}

enum virtio_violation queue_start(struct ukvmm_queue *q)
{
	enum virtio_violation why = queue_place(q);

	if (why)
		return why;
	q->next_avail = q->avail_seen = q->next_used = 0;
	q->unsignalled = 0;
	q->quiet = false;
	q->ready = true;
	return VIRTIO_OK;
}

void queue_stop(struct ukvmm_queue *q)
{
	q->ready = q->kicked = q->starved = false;
	q->void_copies += q->copies;
	q->copies = 0;
	atomic_store_explicit(&q->epoch, q->epoch + 1, memory_order_relaxed);
}

void queue_reset(struct ukvmm_queue *q)
{
	queue_stop(q);
	q->size = VIRTIO_QUEUE_SIZE;
	q->desc_gpa = q->avail_gpa = q->used_gpa = 0;
}

void queue_kick(struct ukvmm_queue *q)
{
	/* One word until the device looks: hammering QueueNotify costs the guest's exits only. */
	if (q->kicked || !q->ready || !dev_live(q->dev))
		return;
	q->kicked = true;
	q->dev->config.host->kick(q->dev->config.ctx, q->index);
}

static bool event_idx(const struct ukvmm_queue *q)
{
	return q->dev->driver_features & FEATURE_EVENT_IDX;
}

/* §2.7.10: the 16 bits after the last element of the used ring. */
static _Atomic uint16_t *avail_event(const struct ukvmm_queue *q)
{
	return (_Atomic uint16_t *)(void *)&q->used->ring[q->size];
}

static void avail_look(struct ukvmm_queue *q)
{
	q->avail_seen = atomic_load_explicit(&q->avail->idx, memory_order_acquire);
}

/* From here on either the driver sees that we want a notification, or we see its new index:
 * the barrier pairs with the one that it makes before it reads the wish (§2.7.13). */
static void kicks_wanted(struct ukvmm_queue *q)
{
	if (event_idx(q))
		atomic_store_explicit(avail_event(q), q->next_avail, memory_order_relaxed);
	else if (q->quiet)
		atomic_store_explicit(&q->used->flags, 0, memory_order_relaxed);
	q->quiet = false;
	atomic_thread_fence(memory_order_seq_cst);
	avail_look(q);
}

/* While the queue is being emptied. With EVENT_IDX an avail_event behind it says the same. */
static void kicks_unwanted(struct ukvmm_queue *q)
{
	if (event_idx(q) || q->quiet)
		return;
	q->quiet = true;
	atomic_store_explicit(&q->used->flags, USED_NO_NOTIFY, memory_order_relaxed);
}

static bool queue_has_more(struct ukvmm_queue *q)
{
	if (q->avail_seen != q->next_avail)
		return true;
	avail_look(q);
	if (q->avail_seen == q->next_avail)
		kicks_wanted(q);
	if (q->avail_seen == q->next_avail)
		return false;
	kicks_unwanted(q);
	if ((uint16_t)(q->avail_seen - q->next_avail) <= q->size)
		return true;
	q->avail_seen = q->next_avail;
	dev_break(q->dev, VIRTIO_AVAIL_JUMP);
	return false;
}

static bool head_busy(const struct ukvmm_queue *q, uint16_t head)
{
	return q->busy[head / 64] >> head % 64 & 1;
}

static void head_flip(struct ukvmm_queue *q, uint16_t head)
{
	q->busy[head / 64] ^= 1ull << head % 64;
}

static enum virtio_violation head_next(struct ukvmm_queue *q, uint16_t *head)
{
	*head = atomic_load_explicit(
		&q->avail->ring[q->next_avail & (q->size - 1)], memory_order_relaxed);
	if (*head >= q->size)
		return VIRTIO_HEAD_RANGE;
	return head_busy(q, *head) ? VIRTIO_HEAD_BUSY : VIRTIO_OK;
}

static struct ukvmm_chain *queue_take(struct ukvmm_queue *q)
{
	struct ukvmm_chain *chain;
	uint16_t head;
	enum virtio_violation why = head_next(q, &head);

	if (why) {
		dev_break(q->dev, why);
		return NULL;
	}
	chain = chain_take(q);
	chain->queue = q;
	why = chain_collect(chain, head);
	if (why) {
		chain_put(chain);
		if (why == CHAIN_NO_ROOM)
			q->starved = true;
		else
			dev_break(q->dev, why);
		return NULL;
	}
	chain->held = true;
	head_flip(q, head);
	q->in_flight++;
	q->next_avail++;
	atomic_store_explicit(&q->popped, q->popped + 1, memory_order_relaxed);
	atomic_store_explicit(&q->popped_bytes, q->popped_bytes + chain->in.left, memory_order_relaxed);
	return chain;
}

UKVMM_API struct ukvmm_chain *ukvmm_queue_pop(struct ukvmm_queue *q)
{
	struct ukvmm_chain *chain = NULL;

	dev_lock(q->dev);
	q->kicked = false;
	if (q->ready && dev_live(q->dev) && queue_has_more(q))
		chain = queue_take(q);
	dev_unlock(q->dev);
	return chain;
}

/* Not seen by the driver before used_show. */
static void used_put(struct ukvmm_queue *q, const struct ukvmm_chain *chain)
{
	struct ring_used_elem *elem = &q->used->ring[q->next_used & (q->size - 1)];

	atomic_store_explicit(&elem->id, chain->head, memory_order_relaxed);
	atomic_store_explicit(&elem->len, chain->written, memory_order_relaxed);
	q->next_used++;
	if (q->unsignalled < UINT32_MAX)
		q->unsignalled++;
}

static void used_show(struct ukvmm_queue *q)
{
	/* Whoever sees the index sees the elements, and the buffers before them. */
	if (q->ready && dev_live(q->dev))
		atomic_store_explicit(&q->used->idx, q->next_used, memory_order_release);
}

/* The device's part in the chain ends; true: it is still one of the driver's. */
static bool chain_leave(struct ukvmm_chain *chain)
{
	struct ukvmm_queue *q = chain->queue;

	chain_drop_segments(chain);
	head_flip(q, chain->head);
	q->in_flight--;
	return chain->epoch == q->epoch && dev_live(q->dev);
}

static void chain_return(struct ukvmm_chain *chain)
{
	struct ukvmm_queue *q = chain->queue;

	if (chain_leave(chain))
		used_put(q, chain);
	chain_put(chain);
	if (q->starved) {
		q->starved = false;
		queue_kick(q);
	}
}

void virtio_queue_push_all(struct ukvmm_queue *q, struct ukvmm_chain *const *chain, uint32_t n)
{
	if (!n)
		return;
	dev_lock(q->dev);
	/* A chain that the device should have forgotten at its reset is not there any more. */
	for (uint32_t i = 0; i < n; i++)
		if (chain[i]->held && chain[i]->queue == q)
			chain_return(chain[i]);
	used_show(q);
	dev_unlock(q->dev);
}

UKVMM_API void ukvmm_queue_push(struct ukvmm_queue *q, struct ukvmm_chain *chain)
{
	virtio_queue_push_all(q, &chain, 1);
}

void virtio_queue_unpop(struct ukvmm_queue *q, struct ukvmm_chain *chain)
{
	dev_lock(q->dev);
	if (chain->held && chain->queue == q) {
		if (chain_leave(chain)) {
			q->next_avail--;
			/* what lies between is looked at, and checked, again */
			q->avail_seen = q->next_avail;
			atomic_store_explicit(&q->popped, q->popped - 1, memory_order_relaxed);
		}
		chain_put(chain);
	}
	dev_unlock(q->dev);
}

/* §2.7.7.1, §2.7.13.3: does the driver want to hear of the last q->unsignalled pushes? */
static bool interrupt_wanted(const struct ukvmm_queue *q)
{
	uint16_t event, behind;

	/* Our index is visible before the driver's wish is read. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!event_idx(q))
		return !(atomic_load_explicit(&q->avail->flags, memory_order_relaxed) &
			AVAIL_NO_INTERRUPT);
	event = atomic_load_explicit(&q->avail->ring[q->size], memory_order_relaxed);
	behind = (uint16_t)(q->next_used - event - 1);
	return behind < q->unsignalled;
}

UKVMM_API void ukvmm_queue_notify(struct ukvmm_queue *q)
{
	dev_lock(q->dev);
	if (q->ready && q->unsignalled && dev_live(q->dev)) {
		bool wanted = interrupt_wanted(q);

		q->unsignalled = 0;
		if (wanted)
			dev_interrupt(q->dev, INTERRUPT_USED);
	}
	dev_unlock(q->dev);
}

uint64_t virtio_queue_popped(const struct ukvmm_queue *q)
{
	return atomic_load_explicit(&q->popped, memory_order_relaxed);
}

uint64_t virtio_queue_popped_bytes(const struct ukvmm_queue *q)
{
	return atomic_load_explicit(&q->popped_bytes, memory_order_relaxed);
}
