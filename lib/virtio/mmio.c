/* SPDX-License-Identifier: Apache-2.0 */
/* The register file: virtio 1.2 §4.2.2. */
#include "dev.h"

static uint32_t features_word(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> (32 * sel)) : 0;
}

static uint32_t queue_read(const struct virtio_dev *dev, uint64_t off)
{
	if (dev->queue_sel >= dev->config.queues)
		return 0;
	return off == REG_QUEUE_READY ? dev->queue[dev->queue_sel].ready : VIRTIO_QUEUE_SIZE;
}

static uint32_t reg_read(const struct virtio_dev *dev, uint64_t off)
{
	switch (off) {
	case REG_MAGIC:
		return VIRTIO_MAGIC;
	case REG_VERSION:
		return 2;
	case REG_DEVICE_ID:
		return dev->config.virtio_id;
	case REG_VENDOR_ID:
		return VIRTIO_VENDOR;
	case REG_DEVICE_FEATURES:
		return features_word(dev->offered, dev->device_features_sel);
	case REG_QUEUE_NUM_MAX:
	case REG_QUEUE_READY:
		return queue_read(dev, off);
	case REG_INTERRUPT_STATUS:
		return dev->interrupt_status;
	case REG_STATUS:
		return dev->status;
	case REG_SHM_LEN_LOW: /* no shared memory region: length and base are all-ones */
	case REG_SHM_LEN_HIGH:
	case REG_SHM_BASE_LOW:
	case REG_SHM_BASE_HIGH:
		return UINT32_MAX;
	case REG_CONFIG_GENERATION:
		return dev->generation;
	default:
		return 0;
	}
}

static uint64_t config_read(const struct virtio_dev *dev, uint64_t pos, uint32_t width)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < width; i++) {
		uint64_t at = pos + i; /* cannot wrap: pos is below 2^64 - REG_CONFIG */
		uint64_t byte = at < dev->config.config_bytes ? dev->config_space[at] : UINT8_MAX;

		value |= byte << (8 * i);
	}
	return value;
}

/* Bytes that the driver may not write stay as they are. */
static void config_write(struct virtio_dev *dev, uint64_t pos, uint32_t width, uint64_t value)
{
	for (uint32_t i = 0; i < width; i++) {
		uint64_t at = pos + i;

		if (at < 64 && at < dev->config.config_bytes && dev->config.config_writable >> at & 1)
			dev->config_space[at] = (uint8_t)(value >> (8 * i));
	}
}

static bool width_ok(uint32_t width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool reg_access_ok(struct virtio_dev *dev, uint64_t off, uint32_t width)
{
	if (width == 4 && !(off & 3))
		return true;
	dev_count(dev, VIRTIO_REGISTER_ACCESS);
	return false;
}

uint64_t virtio_mmio_read(struct virtio_dev *dev, uint64_t off, uint32_t width)
{
	uint64_t value = UINT64_MAX;

	if (!width_ok(width))
		return value;
	dev_lock(dev);
	if (off >= REG_CONFIG)
		value = config_read(dev, off - REG_CONFIG, width);
	else if (reg_access_ok(dev, off, width))
		value = reg_read(dev, off);
	dev_unlock(dev);
	return value & UINT64_MAX >> (64 - 8 * width);
}

static void driver_features_write(struct virtio_dev *dev, uint32_t value)
{
	uint32_t shift = 32 * dev->driver_features_sel;

	if (dev->status != (STATUS_ACKNOWLEDGE | STATUS_DRIVER)) {
		dev_count(dev, VIRTIO_FEATURES_TIME);
	} else if (dev->driver_features_sel > 1) {
		if (value)
			dev_count(dev, VIRTIO_FEATURES_OFFERED);
	} else {
		dev->driver_features &= ~((uint64_t)UINT32_MAX << shift);
		dev->driver_features |= (uint64_t)value << shift;
	}
}

static struct ukvmm_queue *queue_selected(struct virtio_dev *dev)
{
	if (dev->queue_sel < dev->config.queues)
		return &dev->queue[dev->queue_sel];
	dev_count(dev, VIRTIO_QUEUE_ABSENT);
	return NULL;
}

/* The selected queue while its registers may be written: a change under a running queue would be
 * used without having been checked. */
static struct ukvmm_queue *queue_open(struct virtio_dev *dev)
{
	struct ukvmm_queue *q = queue_selected(dev);

	if (!q)
		return NULL;
	if (!(dev->status & STATUS_FEATURES_OK) ||
		dev->status & (STATUS_DRIVER_OK | STATUS_FAILED) || q->ready) {
		dev_count(dev, VIRTIO_QUEUE_FROZEN);
		return NULL;
	}
	return q;
}

static void queue_num_write(struct virtio_dev *dev, uint32_t value)
{
	struct ukvmm_queue *q = queue_open(dev);
	bool bad = !value || value > VIRTIO_QUEUE_SIZE || value & (value - 1);

	if (!q)
		return;
	if (bad)
		dev_count(dev, VIRTIO_QUEUE_NUM);
	q->size = bad ? 0 : value;
}

static void queue_ready_write(struct virtio_dev *dev, uint32_t value)
{
	struct ukvmm_queue *q = queue_selected(dev);
	enum virtio_violation why;

	if (!q)
		return;
	/* Legal at any time, and drivers read 0 back: virtio 1.2 §4.2.2.2. */
	if (!value) {
		queue_stop(q);
		dev_wait_copies(dev);
		return;
	}
	q = queue_open(dev);
	if (!q)
		return;
	why = queue_start(q);
	if (why)
		dev_break(dev, why);
}

static void queue_address_write(struct virtio_dev *dev, uint64_t off, uint32_t value)
{
	struct ukvmm_queue *q = queue_open(dev);
	uint32_t shift = off & 4 ? 32 : 0;
	uint64_t *gpa;

	if (!q)
		return;
	if (off >= REG_QUEUE_DEVICE_LOW)
		gpa = &q->used_gpa;
	else
		gpa = off >= REG_QUEUE_DRIVER_LOW ? &q->avail_gpa : &q->desc_gpa;
	*gpa &= ~((uint64_t)UINT32_MAX << shift);
	*gpa |= (uint64_t)value << shift;
}

static void queue_notify_write(struct virtio_dev *dev, uint32_t value)
{
	if (value >= dev->config.queues)
		dev_count(dev, VIRTIO_QUEUE_ABSENT);
	else if (!(dev->status & STATUS_DRIVER_OK) || !dev->queue[value].ready)
		dev_count(dev, VIRTIO_NOTIFY_TIME);
	else
		queue_kick(&dev->queue[value]);
}

static void interrupt_ack(struct virtio_dev *dev, uint32_t value)
{
	uint32_t left = dev->interrupt_status & ~value;

	/* What is left came after the driver read the status: nobody else will tell it. */
	dev->interrupt_status = 0;
	if (left)
		dev_interrupt(dev, left);
}

static void reg_write(struct virtio_dev *dev, uint64_t off, uint32_t value)
{
	switch (off) {
	case REG_DEVICE_FEATURES_SEL:
		dev->device_features_sel = value;
		break;
	case REG_DRIVER_FEATURES:
		driver_features_write(dev, value);
		break;
	case REG_DRIVER_FEATURES_SEL:
		dev->driver_features_sel = value;
		break;
	case REG_QUEUE_SEL:
		dev->queue_sel = value;
		break;
	case REG_QUEUE_NUM:
		queue_num_write(dev, value);
		break;
	case REG_QUEUE_READY:
		queue_ready_write(dev, value);
		break;
	case REG_QUEUE_NOTIFY:
		queue_notify_write(dev, value);
		break;
	case REG_INTERRUPT_ACK:
		interrupt_ack(dev, value);
		break;
	case REG_STATUS:
		status_write(dev, value);
		break;
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		queue_address_write(dev, off, value);
		break;
	case REG_SHM_SEL: /* every region is absent, whichever is selected */
		break;
	default:
		dev_count(dev, VIRTIO_REGISTER_WRITE);
		break;
	}
}

void virtio_mmio_write(struct virtio_dev *dev, uint64_t off, uint32_t width, uint64_t value)
{
	if (!width_ok(width))
		return;
	dev_lock(dev);
	if (off >= REG_CONFIG)
		config_write(dev, off - REG_CONFIG, width, value);
	else if (reg_access_ok(dev, off, width))
		reg_write(dev, off, (uint32_t)value);
	dev_unlock(dev);
}
