/* SPDX-License-Identifier: Apache-2.0 */
/* From a device that was found to one that works, in three changes of mode: each register costs an exit anyway. */
#include "virtio.h"

enum {
	VERSION = 0x04,
	FEATURES = 0x10,
	FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	LEGACY_PAGE_SIZE = 0x28,
	QUEUE_SEL = 0x30,
	QUEUE_NUM_MAX = 0x34,
	QUEUE_NUM = 0x38,
	LEGACY_ALIGN = 0x3c,
	LEGACY_PFN = 0x40,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
	CONFIG = 0x100,
};
enum { ACKNOWLEDGE_AND_DRIVER = 3, DRIVER_OK = 4, FEATURES_OK = 8, PAGE = 4096 };
enum { OPS_MAX = 2 + 10 * VIRTIO_QUEUES + VIRTIO_CONFIG_WORDS + RT_IRQ_OPS + 8 };

struct batch {
	uint64_t base;
	uint32_t n;
	struct rt_op op[OPS_MAX];
};

static void put(struct batch *b, uint32_t reg, uint32_t value)
{
	b->op[b->n++] = (struct rt_op){b->base + reg, value, RT_WRITE};
}

/* Where in the batch its value will be. */
static uint32_t get(struct batch *b, uint32_t reg)
{
	b->op[b->n] = (struct rt_op){b->base + reg, 0, RT_READ};
	return b->n++;
}

static void put64(struct batch *b, uint32_t reg, volatile const void *at)
{
	put(b, reg, (uint32_t)(uintptr_t)at);
	put(b, reg + 4, (uint32_t)((uintptr_t)at >> 32));
}

static void go(struct batch *b)
{
	rt_ops(b->op, b->n, false);
}

/* Reset, and what is offered. Registers of both interfaces are the same as far as this goes. */
static void offered(struct virtio *dev)
{
	struct batch b = {.base = dev->base};
	uint32_t version, low, high;

	version = get(&b, VERSION);
	put(&b, STATUS, 0);
	put(&b, STATUS, ACKNOWLEDGE_AND_DRIVER);
	put(&b, FEATURES_SEL, 0);
	low = get(&b, FEATURES);
	put(&b, FEATURES_SEL, 1);
	high = get(&b, FEATURES);
	go(&b);
	version = b.op[version].value;
	if (version != 1 && version != 2)
		rt_panic("%s: a virtio device of version %u", dev->name, version);
	dev->legacy = version == 1;
	dev->features &= b.op[low].value | (dev->legacy ? 0 : (uint64_t)b.op[high].value << 32);
}

static uint16_t size_of(const struct virtq *q, uint32_t max)
{
	uint16_t size = q->most;

	if (!max)
		rt_panic("%s: the device has no queue %u", q->dev->name, q->index);
	while (size > max)
		size /= 2;
	return size;
}

/* What both agree on; queues and configuration, as they are then. */
void virtio_agree(struct virtio *dev)
{
	struct batch b = {.base = dev->base};
	uint32_t status, max[VIRTIO_QUEUES], config;

	put(&b, DRIVER_FEATURES_SEL, 0);
	put(&b, DRIVER_FEATURES, (uint32_t)dev->features);
	if (dev->legacy) {
		put(&b, LEGACY_PAGE_SIZE, PAGE);
	} else {
		put(&b, DRIVER_FEATURES_SEL, 1);
		put(&b, DRIVER_FEATURES, (uint32_t)(dev->features >> 32));
		put(&b, STATUS, ACKNOWLEDGE_AND_DRIVER | FEATURES_OK);
	}
	status = get(&b, STATUS);
	for (uint32_t i = 0; i < dev->n_queues; i++) {
		put(&b, QUEUE_SEL, i);
		max[i] = get(&b, QUEUE_NUM_MAX);
	}
	config = b.n;
	for (uint32_t i = 0; i < dev->config_words; i++)
		get(&b, CONFIG + 4 * i);
	go(&b);
	if (!dev->legacy && !(b.op[status].value & FEATURES_OK))
		rt_panic("%s: the device refuses features that it offered", dev->name);
	for (uint32_t i = 0; i < dev->n_queues; i++)
		virtq_lay(dev->queue[i], size_of(dev->queue[i], b.op[max[i]].value), dev->legacy);
	for (uint32_t i = 0; i < dev->config_words; i++)
		dev->config[i] = b.op[config + i].value;
}

bool virtio_find(struct virtio *dev, uint32_t id)
{
	const struct rt_device *found = rt_device_of(id);

	if (!found)
		return false;
	dev->base = found->base;
	dev->line = found->line;
	dev->features |= VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX;
	for (uint32_t i = 0; i < dev->n_queues; i++)
		dev->queue[i]->index = i;
	offered(dev);
	return true;
}

static void place(struct batch *b, const struct virtq *q, bool legacy)
{
	put(b, QUEUE_SEL, q->index);
	put(b, QUEUE_NUM, q->size);
	if (legacy) {
		put(b, LEGACY_ALIGN, PAGE);
		put(b, LEGACY_PFN, (uint32_t)((uintptr_t)q->desc / PAGE));
		return;
	}
	put64(b, QUEUE_DESC, q->desc);
	put64(b, QUEUE_DRIVER, q->avail);
	put64(b, QUEUE_DEVICE, q->used);
	put(b, QUEUE_READY, 1);
}

/* What is in the queues already is told with it. */
void virtio_ready(struct virtio *dev)
{
	struct batch b = {.base = dev->base};

	for (uint32_t i = 0; i < dev->n_queues; i++)
		place(&b, dev->queue[i], dev->legacy);
	b.n += rt_irq_ops(b.op + b.n, dev->line, dev->base + INTERRUPT_ACK);
	put(&b, STATUS, ACKNOWLEDGE_AND_DRIVER | DRIVER_OK | (dev->legacy ? 0 : FEATURES_OK));
	for (uint32_t i = 0; i < dev->n_queues; i++) {
		rt_wait_for(dev->queue[i]);
		if (virtq_wants_kick(dev->queue[i]))
			put(&b, QUEUE_NOTIFY, i);
	}
	go(&b);
}

struct rt_op virtq_kick_op(const struct virtq *q)
{
	return (struct rt_op){q->dev->base + QUEUE_NOTIFY, q->index, RT_WRITE};
}

void virtq_kick(struct virtq *q)
{
	if (virtq_wants_kick(q))
		rt_write32(q->dev->base + QUEUE_NOTIFY, q->index);
}
