/* SPDX-License-Identifier: Apache-2.0 */
/* Transport and queue state. It may come from a hostile file: what is loaded is what a driver could
 * have brought about, else it is refused and nothing has changed. */
#include "dev.h"

#include <errno.h>
#include <string.h>

#include "state.h"

static void walk_queue(struct ukvmm_state *s, struct ukvmm_queue *q)
{
	uint8_t ready = q->ready, quiet = q->quiet;

	state_field(s, q->size);
	state_field(s, ready);
	state_field(s, quiet);
	state_field(s, q->next_avail);
	state_field(s, q->next_used);
	state_field(s, q->unsignalled);
	state_field(s, q->desc_gpa);
	state_field(s, q->avail_gpa);
	state_field(s, q->used_gpa);
	if (ready > 1 || quiet > 1)
		state_fail(s, -EINVAL);
	q->ready = ready;
	q->quiet = quiet;
}

static bool status_possible(const struct virtio_dev *dev)
{
	bool broken = dev->status & STATUS_NEEDS_RESET, told = dev->interrupt_status;
	bool accepted = !(dev->driver_features & ~dev->offered);

	switch (dev->status & ~(uint32_t)(STATUS_NEEDS_RESET | STATUS_FAILED)) {
	case 0:
	case STATUS_ACKNOWLEDGE:
		return !dev->driver_features && !broken && !told;
	case STATUS_ACKNOWLEDGE | STATUS_DRIVER: /* features are being written: any */
		return !broken && !told;
	case STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK:
		return accepted && !told;
	case STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK:
		return accepted && dev->interrupt_status <= (INTERRUPT_USED | INTERRUPT_CONFIG);
	default:
		return false;
	}
}

static bool queue_possible(struct ukvmm_queue *q)
{
	uint32_t status = q->dev->status;

	if (q->size > VIRTIO_QUEUE_SIZE || q->size & (q->size - 1))
		return false;
	if (!q->ready)
		return true;
	/* Nothing was in flight. A broken device takes pushes and does not tell. */
	if (q->next_used != q->next_avail && !(status & (STATUS_NEEDS_RESET | STATUS_FAILED)))
		return false;
	return status & STATUS_FEATURES_OK && !queue_place(q);
}

static void walk_identity(struct ukvmm_state *s, const struct virtio_dev *dev)
{
	struct {
		uint64_t offered;
		uint32_t virtio_id, queues, config_bytes, reserved;
	} is = { 0 }, was;

	is.offered = dev->offered;
	is.virtio_id = dev->config.virtio_id;
	is.queues = dev->config.queues;
	is.config_bytes = dev->config.config_bytes;
	was = is;
	state_field(s, was);
	if (memcmp(&was, &is, sizeof is))
		state_fail(s, -EINVAL);
}

static void walk_fields(struct ukvmm_state *s, struct virtio_dev *dev)
{
	walk_identity(s, dev);
	state_field(s, dev->status);
	state_field(s, dev->driver_features);
	state_field(s, dev->device_features_sel);
	state_field(s, dev->driver_features_sel);
	state_field(s, dev->queue_sel);
	state_field(s, dev->interrupt_status);
	state_field(s, dev->generation);
	ukvmm_state_bytes(s, dev->config_space, dev->config.config_bytes);
	for (uint32_t i = 0; i < dev->config.queues; i++)
		walk_queue(s, &dev->queue[i]);
}

static int load_check(struct ukvmm_state *s, struct virtio_dev *next)
{
	if (!status_possible(next))
		return state_fail(s, -EINVAL);
	for (uint32_t i = 0; i < next->config.queues; i++) {
		struct ukvmm_queue *q = &next->queue[i];

		q->dev = next; /* its status is the one to be held against */
		if (!queue_possible(q))
			return state_fail(s, -EINVAL);
	}
	return 0;
}

static void load_commit(struct virtio_dev *dev, const struct virtio_dev *next)
{
	dev->status = next->status;
	if (dev->status & STATUS_DRIVER_OK)
		atomic_store_explicit(&dev->used, true, memory_order_relaxed);
	dev->driver_features = next->driver_features;
	dev->device_features_sel = next->device_features_sel;
	dev->driver_features_sel = next->driver_features_sel;
	dev->queue_sel = next->queue_sel;
	dev->interrupt_status = next->interrupt_status;
	dev->generation = next->generation;
	memcpy(dev->config_space, next->config_space, sizeof dev->config_space);
	for (uint32_t i = 0; i < dev->config.queues; i++) {
		struct ukvmm_queue *q = &dev->queue[i];

		*q = next->queue[i];
		q->dev = dev;
		q->avail_seen = q->next_avail;
		q->kicked = q->starved = false;
	}
	/* A kick that was on its way when the state was saved is not part of it. */
	for (uint32_t i = 0; i < dev->config.queues; i++)
		queue_kick(&dev->queue[i]);
}

static int walk(struct virtio_dev *dev, struct ukvmm_state *s)
{
	struct virtio_dev next = *dev;
	uint32_t version = 1;

	if (dev->resetting)
		return state_fail(s, -EBUSY);
	for (uint32_t i = 0; i < dev->config.queues; i++)
		if (dev->queue[i].in_flight)
			return state_fail(s, -EBUSY);
	if (state_begin(s, "virtio", &version))
		return s->error;
	if (version != 1)
		return state_fail(s, -ENOTSUP);
	walk_fields(s, &next);
	if (state_end(s) || !s->loading || load_check(s, &next))
		return s->error;
	load_commit(dev, &next);
	return 0;
}

int virtio_dev_walk(struct virtio_dev *dev, struct ukvmm_state *s)
{
	int ret;

	dev_lock(dev);
	ret = walk(dev, s);
	dev_unlock(dev);
	return ret;
}
