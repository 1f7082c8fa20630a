/* SPDX-License-Identifier: Apache-2.0 */
/* The device status field: virtio 1.2 §2.1, §3.1.1 and §4.2.2. */
#include "dev.h"

static void dev_reset(struct virtio_dev *dev)
{
	if (!dev->status)
		return;
	for (uint32_t i = 0; i < dev->config.queues; i++)
		queue_reset(&dev->queue[i]);
	dev->status = 0;
	dev->interrupt_status = 0;
	for (uint32_t i = 0; i < dev->config.config_bytes && i < 64; i++)
		if (dev->config.config_writable >> i & 1)
			dev->config_space[i] = dev->config_device[i];
	dev->driver_features = 0;
	dev->device_features_sel = dev->driver_features_sel = dev->queue_sel = 0;
	/* If the device has not heard of the last one yet, one word is enough. */
	if (!dev->resetting) {
		dev->resetting = true;
		dev->config.host->reset(dev->config.ctx);
	}
	/* All is done but for copies that are under way: the driver goes on only after them. */
	dev_wait_copies(dev);
}

static void features_ok(struct virtio_dev *dev)
{
	/* VERSION_1 is not asked for: OSv drives the device as a modern one without accepting it. */
	if (dev->driver_features & ~dev->offered) {
		dev_count(dev, VIRTIO_FEATURES_OFFERED);
		return;
	}
	dev->status |= STATUS_FEATURES_OK;
}

void status_write(struct virtio_dev *dev, uint32_t value)
{
	uint32_t have = dev->status & ~(uint32_t)STATUS_NEEDS_RESET;
	uint32_t want = value & ~(uint32_t)STATUS_NEEDS_RESET;

	if (!value) {
		dev_reset(dev);
		return;
	}
	if (have & ~want || want > UINT8_MAX) {
		dev_count(dev, VIRTIO_STATUS_ORDER);
		return;
	}
	if (want == have)
		return;
	if (want == (have | STATUS_FAILED)) {
		dev->status |= STATUS_FAILED;
	} else if (want == STATUS_ACKNOWLEDGE || want == (STATUS_ACKNOWLEDGE | STATUS_DRIVER)) {
		dev->status |= want;
	} else if (have == (STATUS_ACKNOWLEDGE | STATUS_DRIVER) &&
		want == (have | STATUS_FEATURES_OK)) {
		features_ok(dev);
	} else if (dev->status == (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK) &&
		want == (have | STATUS_DRIVER_OK)) {
		dev->status |= STATUS_DRIVER_OK;
		if (dev_live(dev))
			dev_live_begins(dev);
	} else {
		dev_count(dev, VIRTIO_STATUS_ORDER);
	}
}
