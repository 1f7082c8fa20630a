/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio.h"

#include "apic.h"
#include "trap.h"
#include "virtio_regs.h"

enum {
	VECTOR = 0x60,
	HANDLER_BYTES = 64,
	POOL_START = 16 << 20,
	POOL_END = 64 << 20,
	QUEUES_MAX = 64,
};

extern uint64_t virtio_ack[VIRTIO_DEVICES];
extern volatile uint64_t virtio_irqs[VIRTIO_DEVICES];
extern const uint8_t virtio_handlers[], virtio_gp_stub[];

static uint64_t pool = POOL_START;
static uint32_t devices;

static uint32_t get(const struct virtio *dev, uint32_t at)
{
	return mmio_r32(dev->base + at);
}

static void set(const struct virtio *dev, uint32_t at, uint32_t v)
{
	mmio_w32(dev->base + at, v);
}

static void set64(const struct virtio *dev, uint32_t at, const volatile void *p)
{
	set(dev, at, (uint32_t)(uintptr_t)p);
	set(dev, at + 4, (uint32_t)((uintptr_t)p >> 32));
}

void *virtio_alloc(size_t bytes)
{
	uint64_t at = pool;

	pool = (pool + bytes + 4095) & ~4095ull;
	if (pool > POOL_END)
		die("out of memory");
	return (void *)at;
}

/* virtio_mmio.device=4K@0xd0000000:5, any number of them */
static bool next_device(const char **at, struct virtio *dev)
{
	static const char word[] = "virtio_mmio.device=";
	const char *s = *at;

	while (*s && !starts_with(s, word))
		s++;
	while (*s && *s != '@' && *s != ' ')
		s++;
	if (*s != '@')
		return false;
	dev->base = number(s + 1, &s);
	if (*s != ':')
		die("no interrupt in virtio_mmio.device");
	dev->irq = (uint8_t)number(s + 1, &s);
	*at = s;
	return true;
}

static void find(struct virtio *dev, uint32_t id)
{
	const char *at = boot_cmdline();

	while (next_device(&at, dev))
		if (get(dev, DEVICE_ID) == id)
			return;
	print("FAIL no virtio device of type %u\n", (uint64_t)id);
	guest_exit(1);
}

static void negotiate(struct virtio *dev, uint64_t wanted)
{
	uint64_t offered = 0;

	for (uint32_t i = 0; i < 2; i++) {
		set(dev, FEATURES_SEL, i);
		offered |= (uint64_t)get(dev, FEATURES) << 32 * i;
	}
	if (!(offered & VIRTIO_F_VERSION_1))
		die("VERSION_1 is not offered");
	/* OSv is a modern driver that does not accept it */
	dev->features = offered & (wanted | (arg_number("version_1", 1) ? VIRTIO_F_VERSION_1 : 0));
	for (uint32_t i = 0; i < 2; i++) {
		set(dev, DRIVER_FEATURES_SEL, i);
		set(dev, DRIVER_FEATURES, (uint32_t)(dev->features >> 32 * i));
	}
	set(dev, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(get(dev, STATUS) & FEATURES_OK))
		die("features refused");
}

/* OSv looks for queues until there is one of no size; none is in use before it is made. */
static void count_queues(const struct virtio *dev)
{
	for (uint32_t i = 0; i < QUEUES_MAX; i++) {
		set(dev, QUEUE_SEL, i);
		if (get(dev, QUEUE_READY))
			die("a queue is ready before it was made");
		if (!get(dev, QUEUE_NUM_MAX))
			return;
	}
	die("queues without end");
}

static void make_queue(struct virtio *dev, uint32_t index, uint16_t size)
{
	struct virtq *q = &dev->q[index];
	uint32_t max;

	set(dev, QUEUE_SEL, index);
	max = get(dev, QUEUE_NUM_MAX);
	if (!max)
		die("a queue is missing");
	*q = (struct virtq){.dev = dev, .index = index, .size = max < size ? (uint16_t)max : size};
	q->desc = virtio_alloc(sizeof(struct virtq_desc) * q->size);
	q->avail = virtio_alloc(sizeof(struct virtq_avail));
	q->used = virtio_alloc(sizeof(struct virtq_used));
	if (dev->features & VIRTIO_F_INDIRECT)
		q->table = virtio_alloc(sizeof *q->table * q->size);
	set(dev, QUEUE_NUM, q->size);
	set64(dev, QUEUE_DESC, q->desc);
	set64(dev, QUEUE_DRIVER, q->avail);
	set64(dev, QUEUE_DEVICE, q->used);
	set(dev, QUEUE_READY, 1);
}

static void take_interrupt(struct virtio *dev)
{
	dev->slot = devices++;
	if (devices > VIRTIO_DEVICES)
		die("more devices than handlers");
	virtio_ack[dev->slot] = dev->base + INTERRUPT_ACK;
	trap_set_raw(13, virtio_gp_stub);
	trap_set_raw((uint8_t)(VECTOR + dev->slot), virtio_handlers + HANDLER_BYTES * dev->slot);
	ioapic_route(dev->irq, (uint8_t)(VECTOR + dev->slot), 0);
}

void virtio_start(struct virtio *dev, uint32_t id, uint64_t features, uint32_t queues, uint16_t size)
{
	find(dev, id);
	dev->id = id;
	check_eq("magic", get(dev, MAGIC), 0x74726976);
	check_eq("version", get(dev, VERSION), 2);
	set(dev, STATUS, 0);
	check_eq("status after reset", get(dev, STATUS), 0);
	set(dev, STATUS, ACKNOWLEDGE);
	set(dev, STATUS, ACKNOWLEDGE | DRIVER);
	negotiate(dev, features);
	take_interrupt(dev);
	count_queues(dev);
	for (uint32_t i = 0; i < queues; i++)
		make_queue(dev, i, size);
	set(dev, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

uint64_t virtio_config(const struct virtio *dev, uint32_t at, uint32_t width)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < width; i++)
		v |= (uint64_t)mmio_r8(dev->base + CONFIG + at + i) << 8 * i;
	return v;
}

uint64_t virtio_interrupts(const struct virtio *dev)
{
	return virtio_irqs[dev->slot];
}
