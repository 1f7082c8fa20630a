/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio.h"

#include <stdlib.h>
#include <string.h>

enum {
	FEATURES = 0x10,
	FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM_MAX = 0x34,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
	CONFIG = 0x100,
	WAIT_QUEUES = 8,
};

bool virtio_locate(struct virtio *dev, uint32_t id);

static struct virtq *queues[WAIT_QUEUES]; /* what rt_wait arms and tells */
static uint32_t n_queues, slots;

bool virtio_open(struct virtio *dev, uint32_t id, uint64_t features)
{
	struct rt_op read[] = {{0, 0, RT_WRITE}, {0, 3, RT_WRITE}, {0, 0, RT_WRITE}, {0, 0, RT_READ}, {0, 1, RT_WRITE},
		{0, 0, RT_READ}};
	static const uint8_t at[] = {STATUS, STATUS, FEATURES_SEL, FEATURES, FEATURES_SEL, FEATURES};

	if (!virtio_locate(dev, id))
		return false;
	for (uint32_t i = 0; i < 6; i++)
		read[i].at = dev->base + at[i];
	rt_ring0(read, 6, false);
	dev->features = ((uint64_t)read[5].value << 32 | read[3].value) & (features | VIRTIO_F_VERSION_1);

	struct rt_op set[] = {{dev->base + DRIVER_FEATURES_SEL, 0, RT_WRITE},
		{dev->base + DRIVER_FEATURES, (uint32_t)dev->features, RT_WRITE},
		{dev->base + DRIVER_FEATURES_SEL, 1, RT_WRITE},
		{dev->base + DRIVER_FEATURES, (uint32_t)(dev->features >> 32), RT_WRITE},
		{dev->base + STATUS, 11, RT_WRITE}, {dev->base + STATUS, 0, RT_READ}};

	rt_ring0(set, 6, false);
	if (!(set[5].value & 8))
		rt_panic("virtio device %u refuses its features", id);
	rt_irq_route(dev->gsi, ++slots, dev->base + INTERRUPT_ACK);
	return true;
}

void virtio_queue(struct virtio *dev, struct virtq *q, uint32_t index)
{
	struct rt_op max[] = {{dev->base + QUEUE_SEL, index, RT_WRITE}, {dev->base + QUEUE_NUM_MAX, 0, RT_READ}};
	/* descriptors, then the available ring, then on a page of its own the used ring */
	uint8_t *mem = aligned_alloc(4096, 4 * 4096);

	rt_ring0(max, 2, false);
	if (!max[1].value || n_queues == WAIT_QUEUES || !mem)
		rt_panic("queue %u cannot be made", index);
	memset(mem, 0, 4 * 4096);
	q->size = max[1].value < VIRTQ_SIZE ? (uint16_t)max[1].value : VIRTQ_SIZE;
	q->notify = dev->base + QUEUE_NOTIFY;
	q->index = index;
	q->event_idx = dev->features & VIRTIO_F_EVENT_IDX;
	q->desc = (void *)mem;
	q->avail = (void *)(mem + 4096);
	q->used = (void *)(mem + 8192);

	struct rt_op set[] = {{dev->base + QUEUE_NUM, q->size, RT_WRITE},
		{dev->base + QUEUE_DESC, (uint32_t)(uintptr_t)q->desc, RT_WRITE}, {dev->base + QUEUE_DESC + 4, 0, RT_WRITE},
		{dev->base + QUEUE_DRIVER, (uint32_t)(uintptr_t)q->avail, RT_WRITE},
		{dev->base + QUEUE_DRIVER + 4, 0, RT_WRITE},
		{dev->base + QUEUE_DEVICE, (uint32_t)(uintptr_t)q->used, RT_WRITE},
		{dev->base + QUEUE_DEVICE + 4, 0, RT_WRITE}, {dev->base + QUEUE_READY, 1, RT_WRITE}};

	rt_ring0(set, sizeof set / sizeof *set, false);
	queues[n_queues++] = q;
}

void virtio_ready(struct virtio *dev)
{
	struct rt_op op = {dev->base + STATUS, 15, RT_WRITE};

	rt_ring0(&op, 1, false);
}

uint8_t virtio_config8(const struct virtio *dev, uint32_t at)
{
	return *(volatile uint8_t *)(dev->base + CONFIG + at);
}

void virtq_show(struct virtq *q, uint16_t head)
{
	q->avail[2 + q->avail_idx % q->size] = head;
	__atomic_store_n(q->avail + 1, ++q->avail_idx, __ATOMIC_RELEASE);
}

int virtq_take(struct virtq *q, uint32_t *len)
{
	const volatile struct virtq_elem *e = (const volatile void *)(q->used + 2);
	uint32_t id;

	if (__atomic_load_n(q->used + 1, __ATOMIC_ACQUIRE) == q->last_used)
		return -1;
	id = e[q->last_used % q->size].id;
	*len = e[q->last_used++ % q->size].len;
	if (id >= q->size)
		rt_panic("a device used descriptor %u", id);
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
		return !(q->used[0] & 1);
	return (uint16_t)(now - q->used[2 + 4 * q->size] - 1) < (uint16_t)(now - old);
}

void virtq_kick(struct virtq *q)
{
	if (virtq_wants_kick(q))
		rt_write32(q->notify, q->index);
}

/* Asks for an interrupt by what is used next; false if something is already. */
static bool arm(struct virtq *q)
{
	uint16_t flying = (uint16_t)(q->avail_idx - q->last_used);

	q->avail[2 + q->size] = (uint16_t)(q->last_used + (q->lazy && flying ? flying - 1 : 0));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return q->used[1] == q->last_used;
}

void rt_kick(void)
{
	struct rt_op op[WAIT_QUEUES];
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_queues; i++) {
		if (virtq_wants_kick(queues[i]))
			op[n++] = (struct rt_op){queues[i]->notify, queues[i]->index, RT_WRITE};
	}
	if (n)
		rt_ring0(op, n, false);
}

void rt_wait(uint64_t until)
{
	struct rt_op op[WAIT_QUEUES + 1];
	uint64_t now = until ? rt_now() : 0, left = until > now ? until - now : 0;
	bool idle = !until || left;
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_queues; i++) {
		if (!arm(queues[i]))
			idle = false;
		if (virtq_wants_kick(queues[i]))
			op[n++] = (struct rt_op){queues[i]->notify, queues[i]->index, RT_WRITE};
	}
	/* KVM's local APIC counts nanoseconds, as QEMU's does. */
	if (left && idle)
		op[n++] = (struct rt_op){0xfee00380, left > UINT32_MAX ? UINT32_MAX : (uint32_t)left, RT_WRITE};
	if (n || idle)
		rt_ring0(op, n, idle);
}
