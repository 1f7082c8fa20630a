/* SPDX-License-Identifier: Apache-2.0 */
/* Split queues, virtio 1.2 §2.7. */
#include "virtio.h"

enum { USED_F_NO_NOTIFY = 1, AVAIL_F_NO_INTERRUPT = 1, LEGACY_ALIGN = 4096, ALIGN = 64 };

/* Rings start as zeros, both for the device and for us. The older interface prescribes where the used ring is. */
void virtq_lay(struct virtq *q, uint16_t size, bool legacy)
{
	uint32_t align = legacy ? LEGACY_ALIGN : ALIGN, used = size * 18u + 6;

	q->size = size;
	q->event_idx = q->dev->features & VIRTIO_F_EVENT_IDX;
	q->desc = (void *)q->mem;
	q->avail = (void *)(q->mem + size * sizeof *q->desc);
	q->used = (void *)(q->mem + (used + align - 1) / align * align);
	virtq_disarm(q);
}

void virtq_show(struct virtq *q, uint16_t head)
{
	q->avail[2 + q->avail_idx % q->size] = head;
	__atomic_store_n(q->avail + 1, ++q->avail_idx, __ATOMIC_RELEASE);
}

int virtq_take(struct virtq *q, uint32_t *len)
{
	const volatile struct virtq_elem *e = (const volatile void *)(q->used + 2);
	uint16_t used = __atomic_load_n(q->used + 1, __ATOMIC_ACQUIRE);
	uint32_t id;

	if (used == q->last_used)
		return -1;
	if ((uint16_t)(used - q->last_used) > (uint16_t)(q->avail_idx - q->last_used))
		rt_panic("%s: the device used more than it was given", q->dev->name);
	id = e[q->last_used % q->size].id;
	*len = e[q->last_used++ % q->size].len;
	if (id >= q->size)
		rt_panic("%s: the device used descriptor %u", q->dev->name, id);
	return (int)id;
}

bool virtq_wants_kick(struct virtq *q)
{
	uint16_t old = q->told, now = q->avail_idx;

	if (old == now)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->told = now;
	if (!q->event_idx)
		return !(q->used[0] & USED_F_NO_NOTIFY);
	return (uint16_t)(now - q->used[2 + 4 * q->size] - 1) < (uint16_t)(now - old);
}

bool virtq_arm(struct virtq *q)
{
	uint16_t flying = (uint16_t)(q->avail_idx - q->last_used), more = 0;

	if (q->wake == VIRTQ_NEVER)
		return true;
	if (q->wake == VIRTQ_HALF && flying)
		more = (uint16_t)((flying - 1) / 2);
	q->avail[0] = 0;
	q->avail[2 + q->size] = (uint16_t)(q->last_used + more);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (uint16_t)(q->used[1] - q->last_used) <= more;
}

/* With EVENT_IDX a queue that was not armed again is silent by itself. */
void virtq_disarm(struct virtq *q)
{
	if (!q->event_idx)
		q->avail[0] = AVAIL_F_NO_INTERRUPT;
}
