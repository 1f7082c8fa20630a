/* SPDX-License-Identifier: Apache-2.0 */
/* From a device that was found to one that works. The older interface is here, the newer the architecture's: it knows
 * how to make so many registers cheap. */
#include "virtio.h"

enum {
	DRIVER_FEATURES = 0x20,
	LEGACY_PAGE_SIZE = 0x28,
	QUEUE_SEL = 0x30,
	QUEUE_NUM_MAX = 0x34,
	QUEUE_NUM = 0x38,
	LEGACY_ALIGN = 0x3c,
	LEGACY_PFN = 0x40,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	CONFIG = 0x100,
};
enum { FEATURES_OK = 8, LEGACY_OK = 7 /* acknowledged, driver, ready */, PAGE = 4096 };

struct answers { /* of agreeing */
	uint32_t status, rest[VIRTIO_QUEUES + VIRTIO_CONFIG_WORDS];
};

static void put(const struct virtio *dev, uint32_t reg, uint32_t value)
{
	rt_write32(dev->base + reg, value);
}

bool virtio_find(struct virtio *dev, uint32_t id)
{
	const struct rt_device *found = rt_device_of(id);
	uint32_t version, features;

	if (!found)
		return false;
	dev->base = found->base;
	dev->line = found->line;
	for (uint32_t i = 0; i < dev->n_queues; i++)
		dev->queue[i]->index = i;
	rt_virtio_offer(dev->base, &version, &features);
	if (version != 1 && version != 2)
		rt_panic("%s: a virtio device of version %u", dev->name, version);
	dev->legacy = version == 1;
	dev->features = ((dev->features | VIRTIO_F_EVENT_IDX) & features) | (dev->legacy ? 0 : VIRTIO_F_VERSION_1);
	return true;
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

static void legacy_agree(const struct virtio *dev, uint32_t *out)
{
	put(dev, DRIVER_FEATURES, (uint32_t)dev->features);
	put(dev, LEGACY_PAGE_SIZE, PAGE);
	for (uint32_t i = dev->n_queues; i-- > 0;) {
		put(dev, QUEUE_SEL, i);
		*out++ = rt_read32(dev->base + QUEUE_NUM_MAX);
	}
	for (uint32_t i = 0; i < dev->config_words; i++)
		*out++ = rt_read32(dev->base + CONFIG + 4 * i);
}

void virtio_agree(struct virtio *dev)
{
	struct answers a = {.status = FEATURES_OK};
	uint32_t *size = a.rest, n = dev->n_queues;

	if (dev->legacy)
		legacy_agree(dev, a.rest);
	else
		rt_virtio_agree(dev->base, (uint32_t)dev->features, n, dev->config_words, &a.status);
	if (!(a.status & FEATURES_OK))
		rt_panic("%s: the device refuses features that it offered", dev->name);
	for (uint32_t i = 0; i < n; i++)
		virtq_lay(dev->queue[i], size_of(dev->queue[i], size[n - 1 - i]), dev->legacy);
	for (uint32_t i = 0; i < dev->config_words; i++)
		dev->config[i] = a.rest[n + i];
}

static void legacy_start(const struct virtio *dev, bool kick)
{
	for (uint32_t i = 0; i < dev->n_queues; i++) {
		const struct virtq *q = dev->queue[i];

		put(dev, QUEUE_SEL, i);
		put(dev, QUEUE_NUM, q->size);
		put(dev, LEGACY_ALIGN, PAGE);
		put(dev, LEGACY_PFN, (uint32_t)((uintptr_t)q->desc / PAGE));
	}
	rt_irq_route(dev->line, dev->base + INTERRUPT_ACK);
	put(dev, STATUS, LEGACY_OK);
	if (kick)
		put(dev, QUEUE_NOTIFY, 0);
}

void virtio_ready(struct virtio *dev)
{
	struct rt_virtio_queue queue[VIRTIO_QUEUES];
	bool kick = dev->n_queues && virtq_wants_kick(dev->queue[0]);

	for (uint32_t i = 0; i < dev->n_queues; i++) {
		const struct virtq *q = dev->queue[dev->n_queues - 1 - i];

		queue[i] = (struct rt_virtio_queue){
			(uintptr_t)q->desc, (uintptr_t)q->avail, (uintptr_t)q->used, q->size};
		rt_wait_for(dev->queue[i]);
	}
	if (dev->legacy)
		legacy_start(dev, kick);
	else
		rt_virtio_start(dev->base, queue, dev->n_queues, dev->line, kick);
}

uint64_t virtq_bell(const struct virtq *q)
{
	return q->dev->base + QUEUE_NOTIFY;
}

void virtq_kick(struct virtq *q)
{
	if (virtq_wants_kick(q))
		rt_write32(virtq_bell(q), q->index);
}
