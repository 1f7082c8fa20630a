/* SPDX-License-Identifier: Apache-2.0 */
/* The one walk over descriptors (virtio 1.2 §2.7.5), and copies to and from what it found. */
#include "dev.h"

#include "checked.h"
#include "export.h"

struct table { /* of descriptors: the queue's, or an indirect one */
	const uint8_t *bytes;
	uint32_t len; /* descriptors */
	bool indirect;
};

/* Each byte is read once: what is checked is what is used. */
static struct ring_desc desc_copy(const struct table *t, uint32_t i)
{
	const uint8_t *p = t->bytes + (size_t)i * sizeof(struct ring_desc);
	union {
		uint64_t word[2];
		uint8_t byte[16];
		struct ring_desc desc;
	} copy;

	if ((uintptr_t)p % sizeof(uint64_t) == 0) {
		const _Atomic uint64_t *word = (const void *)p;

		copy.word[0] = atomic_load_explicit(&word[0], memory_order_relaxed);
		copy.word[1] = atomic_load_explicit(&word[1], memory_order_relaxed);
		return copy.desc;
	}
	/* Nothing aligns an indirect table. */
	for (uint32_t b = 0; b < sizeof copy; b++)
		copy.byte[b] =
			atomic_load_explicit((const _Atomic uint8_t *)p + b, memory_order_relaxed);
	return copy.desc;
}

static enum virtio_violation segment_check(
	const struct ukvmm_chain *chain, const struct ring_desc *d)
{
	if (!(d->flags & DESC_WRITE) && chain->out.left)
		return VIRTIO_CHAIN_ORDER;
	/* An empty buffer is nowhere. */
	if (!mem_ptr(chain->queue->dev->config.mem, d->addr, d->len))
		return VIRTIO_BUFFER_PLACE;
	if (chain->in.left + chain->out.left + d->len > UINT32_MAX)
		return VIRTIO_CHAIN_TOTAL;
	return VIRTIO_OK;
}

static enum virtio_violation segment_add(struct ukvmm_chain *chain, const struct ring_desc *d)
{
	struct segment *pool = chain->queue->pool->segment;
	struct chain_cursor *cursor = d->flags & DESC_WRITE ? &chain->out : &chain->in;
	enum virtio_violation why = segment_check(chain, d);
	uint32_t at;

	if (why)
		return why;
	at = segment_take(chain->queue);
	if (at == POOL_NONE)
		return CHAIN_NO_ROOM;
	pool[at] = (struct segment){ d->addr, d->len, POOL_NONE };
	if (chain->first == POOL_NONE)
		chain->first = at;
	else
		pool[chain->last].next = at;
	chain->last = at;
	chain->segments++;
	if (!cursor->left)
		cursor->segment = at;
	cursor->left += d->len;
	return VIRTIO_OK;
}

static enum virtio_violation table_enter(
	struct table *t, const struct ukvmm_queue *q, const struct ring_desc *d)
{
	if (t->indirect || d->flags & DESC_NEXT ||
		!(q->dev->driver_features & FEATURE_INDIRECT_DESC))
		return VIRTIO_INDIRECT_REFUSED;
	if (d->len % sizeof *d)
		return VIRTIO_INDIRECT_TABLE;
	t->bytes = mem_ptr(q->dev->config.mem, d->addr, d->len);
	t->len = d->len / (uint32_t)sizeof *d;
	t->indirect = true;
	return t->bytes ? VIRTIO_OK : VIRTIO_INDIRECT_TABLE;
}

static enum virtio_violation chain_walk(struct ukvmm_chain *chain)
{
	struct ukvmm_queue *q = chain->queue;
	struct table t = { q->desc, q->size, false };
	uint32_t i = chain->head, left = q->size;

	for (;;) {
		struct ring_desc d;
		enum virtio_violation why;

		if (i >= t.len)
			return VIRTIO_NEXT_RANGE;
		if (!left--)
			return VIRTIO_CHAIN_LONG;
		d = desc_copy(&t, i);
		if (d.flags & DESC_INDIRECT) {
			why = table_enter(&t, q, &d);
			if (why)
				return why;
			/* May hold more than the ring has entries: Linux's blk does it. */
			left = CHAIN_SEGMENTS - chain->segments;
			if (left > t.len)
				left = t.len;
			i = 0;
			continue;
		}
		why = segment_add(chain, &d);
		if (why || !(d.flags & DESC_NEXT))
			return why;
		i = d.next;
	}
}

enum virtio_violation chain_collect(struct ukvmm_chain *chain, uint16_t head)
{
	enum virtio_violation why;

	chain->in = chain->out = (struct chain_cursor){ POOL_NONE, 0, 0 };
	chain->first = chain->last = POOL_NONE;
	chain->segments = chain->written = 0;
	chain->epoch = chain->queue->epoch;
	chain->head = head;
	why = chain_walk(chain);
	if (why)
		chain_drop_segments(chain);
	return why;
}

static bool chain_void(const struct ukvmm_chain *chain)
{
	return chain->epoch != atomic_load_explicit(&chain->queue->epoch, memory_order_relaxed);
}

/* The next piece of at most `len` bytes that lies in one segment; moves the cursor past it. */
static uint64_t cursor_step(
	struct ukvmm_chain *chain, struct chain_cursor *c, uint64_t len, uint64_t *gpa)
{
	const struct segment *s = &chain->queue->pool->segment[c->segment];
	uint64_t n = s->len - c->off;

	if (n > len)
		n = len;
	*gpa = s->gpa + c->off;
	c->off += (uint32_t)n;
	c->left -= n;
	if (c->off == s->len) {
		c->segment = s->next;
		c->off = 0;
	}
	return n;
}

static uint64_t copy(struct ukvmm_chain *chain, struct chain_cursor *c, uint8_t *bytes, uint64_t len)
{
	struct mem *mem = chain->queue->dev->config.mem;
	uint64_t done = 0;

	while (done < len) {
		uint64_t gpa, n = cursor_step(chain, c, len - done, &gpa);
		int ret = c == &chain->out ? mem_write(mem, gpa, bytes + done, n)
					   : mem_read(mem, gpa, bytes + done, n);

		if (ret)
			break;
		done += n;
	}
	return done;
}

/* Lock held, but not while it copies. Whoever voids the chain meanwhile waits for the end of it. */
static uint64_t copy_unlocked(
	struct ukvmm_chain *chain, struct chain_cursor *c, uint8_t *bytes, uint64_t len)
{
	struct ukvmm_queue *q = chain->queue;
	uint32_t epoch = chain->epoch;
	uint64_t done;

	q->copies++;
	dev_unlock(q->dev);
	done = copy(chain, c, bytes, len);
	dev_lock(q->dev);
	if (epoch == q->epoch)
		q->copies--;
	else if (!--q->void_copies)
		pthread_cond_broadcast(&q->dev->copied);
	return done;
}

/* Once a reset is answered, no byte of the driver's memory may change any more. So a copy is made
 * under the lock, unless it is so long that vCPUs would wait for their registers. */
static uint64_t chain_copy(
	struct ukvmm_chain *chain, struct chain_cursor *c, uint8_t *bytes, uint64_t len)
{
	struct virtio_dev *dev = chain->queue->dev;
	uint64_t done = 0;

	dev_lock(dev);
	if (len > c->left)
		len = c->left;
	if (!chain_void(chain))
		done = len > COPY_LOCKED ? copy_unlocked(chain, c, bytes, len)
					 : copy(chain, c, bytes, len);
	dev_unlock(dev);
	return done;
}

UKVMM_API int64_t ukvmm_chain_read(struct ukvmm_chain *chain, void *dst, size_t len)
{
	return (int64_t)chain_copy(chain, &chain->in, dst, len);
}

UKVMM_API int64_t ukvmm_chain_write(struct ukvmm_chain *chain, const void *src, size_t len)
{
	uint64_t done = chain_copy(chain, &chain->out, (uint8_t *)(uintptr_t)src, len);

	chain->written += (uint32_t)done;
	return (int64_t)done;
}

UKVMM_API int64_t ukvmm_chain_skip(struct ukvmm_chain *chain, uint64_t len)
{
	struct virtio_dev *dev = chain->queue->dev;
	uint64_t done = 0, gpa;

	dev_lock(dev);
	if (len > chain->out.left)
		len = chain->out.left;
	while (!chain_void(chain) && done < len)
		done += cursor_step(chain, &chain->out, len - done, &gpa);
	dev_unlock(dev);
	return (int64_t)done;
}

/* Lock held: how many pieces the rest of the readable part lies in, or 0: more than `most`. */
static uint32_t pieces(const struct ukvmm_chain *chain, struct iovec *iov, uint32_t most)
{
	const struct chain_cursor *c = &chain->in;
	const struct mem *mem = chain->queue->dev->config.mem;
	uint32_t at = c->segment, off = c->off, n = 0;
	uint64_t left = c->left;

	for (; left; n++) {
		const struct segment *s = &chain->queue->pool->segment[at];

		if (n == most)
			return 0;
		iov[n].iov_len = s->len - off;
		iov[n].iov_base = mem_ptr(mem, s->gpa + off, s->len - off);
		if (!iov[n].iov_base)
			return 0;
		left -= s->len - off;
		at = s->next;
		off = 0;
	}
	return n;
}

uint32_t virtio_chain_hold(struct ukvmm_chain *chain, struct iovec *iov, uint32_t most)
{
	struct ukvmm_queue *q = chain->queue;
	uint32_t n;

	dev_lock(q->dev);
	n = chain_void(chain) ? 0 : pieces(chain, iov, most);
	q->copies += n > 0;
	dev_unlock(q->dev);
	return n;
}

void virtio_chain_let_go(struct ukvmm_chain *chain)
{
	struct ukvmm_queue *q = chain->queue;

	dev_lock(q->dev);
	if (chain->epoch == q->epoch)
		q->copies--;
	else if (!--q->void_copies)
		pthread_cond_broadcast(&q->dev->copied);
	dev_unlock(q->dev);
}

UKVMM_API uint64_t ukvmm_chain_readable(const struct ukvmm_chain *chain)
{
	return chain_void(chain) ? 0 : chain->in.left;
}

UKVMM_API uint64_t ukvmm_chain_writable(const struct ukvmm_chain *chain)
{
	return chain_void(chain) ? 0 : chain->out.left;
}
