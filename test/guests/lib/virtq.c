/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio.h"
#include "virtio_regs.h"

void virtio_park(const volatile uint16_t *where, uint16_t seen, uint64_t reg, uint32_t value);

static uint32_t nowhere; /* what virtio_park writes when there is nothing to tell: a branch would cost it more */

static bool event_idx(const struct virtq *q)
{
	return q->dev->features & VIRTIO_F_EVENT_IDX;
}

/* 2.7.6 and 2.7.8: fields of rings whose size is known at run time only */
static volatile uint16_t *avail_flags(const struct virtq *q)
{
	return q->avail;
}

static volatile uint16_t *used_event(const struct virtq *q)
{
	return q->avail + 2 + q->size;
}

static uint16_t avail_event(const struct virtq *q)
{
	return q->used[2 + 4 * q->size];
}

void virtq_put(struct virtq *q, uint16_t head, const struct virtq_seg *seg, uint32_t n)
{
	struct virtq_desc *d = q->table ? q->table[head] : q->desc + head;
	uint16_t first = q->table ? 0 : head;

	for (uint32_t i = 0; i < n; i++) {
		d[i].addr = (uintptr_t)seg[i].at;
		d[i].len = seg[i].len;
		d[i].flags = (uint16_t)((seg[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0));
		d[i].next = (uint16_t)(first + i + 1);
	}
	if (q->table)
		q->desc[head] = (struct virtq_desc){(uintptr_t)d, (uint32_t)(n * sizeof *d), DESC_INDIRECT, 0};
	q->avail[2 + q->avail_idx++ % q->size] = head;
}

/* Does the device want to be told of what is now shown to it? */
static bool show(struct virtq *q)
{
	uint16_t old = q->told_idx, now = q->avail_idx;

	if (old == now)
		return false;
	__atomic_store_n(q->avail + 1, now, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->told_idx = now;
	if (!event_idx(q))
		return !(q->used[0] & USED_NO_NOTIFY);
	return (uint16_t)(now - avail_event(q) - 1) < (uint16_t)(now - old);
}

void virtq_kick(struct virtq *q)
{
	if (!show(q))
		return;
	q->kicks++;
	mmio_w32(q->dev->base + QUEUE_NOTIFY, q->index);
}

int virtq_get(struct virtq *q, uint32_t *len)
{
	const volatile uint32_t *e;
	uint32_t id;

	if (__atomic_load_n(q->used + 1, __ATOMIC_ACQUIRE) == q->last_used)
		return -1;
	e = (const volatile uint32_t *)(q->used + 2) + 2 * (q->last_used % q->size);
	id = e[0];
	if (len)
		*len = e[1];
	if (id >= q->size)
		die("used id outside of the table");
	q->last_used++;
	return (int)id;
}

void virtq_mute(struct virtq *q)
{
	if (event_idx(q))
		*used_event(q) = (uint16_t)(q->last_used - 1);
	else
		*avail_flags(q) = AVAIL_NO_INTERRUPT;
}

static void arm(struct virtq *q)
{
	if (event_idx(q))
		*used_event(q) = q->last_used;
	else
		*avail_flags(q) = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void virtq_touch_ring0(struct virtq *q)
{
	virtio_park(q->used + 1, (uint16_t)(q->used[1] + 1), (uint64_t)&nowhere, 0);
}

void virtq_wait(struct virtq *q, struct virtq *kick)
{
	bool tell;

	arm(q);
	tell = kick && show(kick);
	if (tell)
		kick->kicks++;
	while (tell || q->used[1] == q->last_used) {
		virtio_park(q->used + 1, q->last_used,
			tell ? kick->dev->base + QUEUE_NOTIFY : (uint64_t)&nowhere, tell ? kick->index : 0);
		tell = false;
	}
}
