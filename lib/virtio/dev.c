/* SPDX-License-Identifier: Apache-2.0 */
#include "dev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"

static const char *const names[VIRTIO_VIOLATIONS] = {
	[VIRTIO_OK] = "none",
	[VIRTIO_REGISTER_ACCESS] = "register access not 32 bits wide and aligned",
	[VIRTIO_REGISTER_WRITE] = "write of a read-only or unknown register",
	[VIRTIO_STATUS_ORDER] = "status bits out of order",
	[VIRTIO_FEATURES_TIME] = "driver features written outside of negotiation",
	[VIRTIO_FEATURES_OFFERED] = "feature accepted that was not offered",
	[VIRTIO_QUEUE_FROZEN] = "queue register written while frozen",
	[VIRTIO_QUEUE_ABSENT] = "no such queue",
	[VIRTIO_QUEUE_NUM] = "bad queue size",
	[VIRTIO_NOTIFY_TIME] = "notification of a queue that is not live",
	[VIRTIO_RING_PLACE] = "ring without a size, misaligned or outside of memory",
	[VIRTIO_AVAIL_JUMP] = "avail index jumped",
	[VIRTIO_HEAD_RANGE] = "head outside of the descriptor table",
	[VIRTIO_HEAD_BUSY] = "head of a chain in flight",
	[VIRTIO_NEXT_RANGE] = "next descriptor outside of the table",
	[VIRTIO_CHAIN_LONG] = "descriptor chain too long or a loop",
	[VIRTIO_CHAIN_ORDER] = "readable descriptor after a writable one",
	[VIRTIO_CHAIN_TOTAL] = "chain of 4 GiB or more",
	[VIRTIO_BUFFER_PLACE] = "buffer empty or outside of memory",
	[VIRTIO_INDIRECT_REFUSED] = "indirect descriptor where none may be",
	[VIRTIO_INDIRECT_TABLE] = "bad indirect table",
};

const char *virtio_violation_name(enum virtio_violation which)
{
	return which < VIRTIO_VIOLATIONS ? names[which] : "unknown";
}

static bool config_bad(const struct virtio_config *config)
{
	return !config->queues || config->queues > VIRTIO_QUEUES ||
		config->config_bytes > VIRTIO_CONFIG_BYTES ||
		config->features & FEATURES_TRANSPORT || !config->mem || !config->host;
}

int virtio_dev_new(struct virtio_dev **out, const struct virtio_config *config)
{
	struct virtio_dev *dev;
	int ret;

	if (config_bad(config))
		return -EINVAL;
	dev = calloc(1, sizeof *dev);
	if (!dev)
		return -ENOMEM;
	/* Not zeroed: a page of it becomes resident when a queue first needs it. */
	dev->pools = malloc(config->queues * sizeof *dev->pools);
	if (!dev->pools) {
		ret = -ENOMEM;
		goto fail;
	}
	ret = -pthread_mutex_init(&dev->lock, NULL);
	if (ret)
		goto fail;
	ret = -pthread_cond_init(&dev->copied, NULL);
	if (ret)
		goto fail_lock;
	dev->config = *config;
	dev->offered =
		config->features | FEATURE_VERSION_1 | FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX;
	for (uint32_t i = 0; i < config->queues; i++) {
		struct ukvmm_queue *q = &dev->queue[i];

		q->dev = dev;
		q->index = i;
		q->pool = &dev->pools[i];
		queue_reset(q);
		queue_forget(q);
	}
	*out = dev;
	return 0;
fail_lock:
	pthread_mutex_destroy(&dev->lock);
fail:
	free(dev->pools);
	free(dev);
	return ret;
}

void virtio_dev_free(struct virtio_dev *dev)
{
	if (!dev)
		return;
	pthread_cond_destroy(&dev->copied);
	pthread_mutex_destroy(&dev->lock);
	free(dev->pools);
	free(dev);
}

void dev_count(struct virtio_dev *dev, enum virtio_violation why)
{
	atomic_fetch_add_explicit(&dev->violations[why], 1, memory_order_relaxed);
}

uint64_t virtio_dev_violations_of(const struct virtio_dev *dev, enum virtio_violation which)
{
	return atomic_load_explicit(&dev->violations[which], memory_order_relaxed);
}

bool virtio_dev_used(const struct virtio_dev *dev)
{
	return atomic_load_explicit(&dev->used, memory_order_relaxed);
}

uint64_t virtio_dev_violations(const struct virtio_dev *dev)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < VIRTIO_VIOLATIONS; i++)
		sum += virtio_dev_violations_of(dev, i);
	return sum;
}

void dev_break(struct virtio_dev *dev, enum virtio_violation why)
{
	dev_count(dev, why);
	if (dev->status & STATUS_NEEDS_RESET)
		return;
	dev->status |= STATUS_NEEDS_RESET;
	/* virtio 1.2 §2.1.2: only a driver that got as far as DRIVER_OK is told. */
	if (dev->status & STATUS_DRIVER_OK)
		dev_interrupt(dev, INTERRUPT_CONFIG);
	dev->config.host->broken(dev->config.ctx, virtio_violation_name(why));
}

void dev_interrupt(struct virtio_dev *dev, uint32_t bits)
{
	uint32_t before = dev->interrupt_status;

	dev->interrupt_status |= bits;
	/* A level line made of edges: while a bit is unacknowledged the driver has yet to look. A
	 * second edge would find nothing to do, which some guests (Unikraft) take for a fault. */
	if (!before)
		dev->config.host->interrupt(dev->config.ctx);
}

void dev_wait_copies(struct virtio_dev *dev)
{
	for (uint32_t i = 0; i < dev->config.queues; i++)
		while (dev->queue[i].void_copies)
			pthread_cond_wait(&dev->copied, &dev->lock);
}

void dev_live_begins(struct virtio_dev *dev)
{
	atomic_store_explicit(&dev->used, true, memory_order_relaxed);
	dev->config.host->driver_ok(dev->config.ctx, dev->driver_features);
	/* Buffers may have been made available before. */
	for (uint32_t i = 0; i < dev->config.queues; i++)
		queue_kick(&dev->queue[i]);
}

void virtio_dev_reset_done(struct virtio_dev *dev)
{
	dev_lock(dev);
	if (dev->resetting) {
		dev->resetting = false;
		for (uint32_t i = 0; i < dev->config.queues; i++)
			queue_forget(&dev->queue[i]);
		if (dev_live(dev))
			dev_live_begins(dev);
	}
	dev_unlock(dev);
}

struct ukvmm_queue *virtio_dev_queue(struct virtio_dev *dev, uint32_t q)
{
	return q < dev->config.queues ? &dev->queue[q] : NULL;
}

int virtio_dev_set_config(struct virtio_dev *dev, uint32_t off, const void *bytes, uint32_t len)
{
	if (out_of(off, len, dev->config.config_bytes))
		return -EINVAL;
	dev_lock(dev);
	memcpy(dev->config_space + off, bytes, len);
	memcpy(dev->config_device + off, bytes, len);
	dev->generation++;
	if (dev->status & STATUS_DRIVER_OK)
		dev_interrupt(dev, INTERRUPT_CONFIG);
	dev_unlock(dev);
	return 0;
}

int virtio_dev_get_config(struct virtio_dev *dev, uint32_t off, void *bytes, uint32_t len)
{
	if (out_of(off, len, dev->config.config_bytes))
		return -EINVAL;
	dev_lock(dev);
	memcpy(bytes, dev->config_space + off, len);
	dev_unlock(dev);
	return 0;
}

void virtio_dev_kick_all(struct virtio_dev *dev)
{
	dev_lock(dev);
	for (uint32_t i = 0; i < dev->config.queues; i++)
		queue_kick(&dev->queue[i]);
	dev_unlock(dev);
}

uint32_t virtio_dev_in_flight(struct virtio_dev *dev)
{
	uint32_t sum = 0;

	dev_lock(dev);
	for (uint32_t i = 0; i < dev->config.queues; i++)
		sum += dev->queue[i].in_flight;
	dev_unlock(dev);
	return sum;
}
