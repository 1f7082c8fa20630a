/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a virtio-mmio device of type 63 (examples/embed/own-device.c): three requests, each a key in a readable
 * buffer and room for the answer in a writable one (virtio 1.2 sections 2.7 and 4.2).
 */
#include "apic.h"
#include "trap.h"
#include "virtio_regs.h"

enum {
	F_VERSION_1_HIGH = 1, /* bit 32 */
	KV_ID = 63,
	SIZE = 8,
	VECTOR = 0x60,
};

static struct {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
} desc[SIZE] __attribute__((aligned(16)));

static volatile struct {
	uint16_t flags, idx, ring[SIZE];
} avail __attribute__((aligned(2)));

static volatile struct {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[SIZE];
} used __attribute__((aligned(4)));

static uint64_t device;

static uint32_t reg(uint32_t at)
{
	return mmio_r32(device + at);
}

static void set(uint32_t at, uint32_t value)
{
	mmio_w32(device + at, value);
}

static void set64(uint32_t at, const volatile void *value)
{
	set(at, (uint32_t)(uintptr_t)value);
	set(at + 4, (uint32_t)((uintptr_t)value >> 32));
}

__attribute__((interrupt)) static void on_used(struct frame *f)
{
	(void)f;
	set(INTERRUPT_ACK, reg(INTERRUPT_STATUS));
	lapic_eoi();
}

/* virtio_mmio.device=4K@0xd0000000:5 */
static uint8_t find_device(void)
{
	const char *at = arg("virtio_mmio.device");

	while (at && *at && *at != '@' && *at != ' ')
		at++;
	if (!at || *at != '@')
		die("no virtio_mmio.device on the command line");
	device = number(at + 1, &at);
	if (*at != ':')
		die("no interrupt in virtio_mmio.device");
	return (uint8_t)number(at + 1, &at);
}

static void start_device(void)
{
	check_eq("magic", reg(MAGIC), 0x74726976);
	check_eq("version", reg(VERSION), 2);
	check_eq("device id", reg(DEVICE_ID), KV_ID);
	set(STATUS, 0);
	check_eq("status after reset", reg(STATUS), 0);
	set(STATUS, ACKNOWLEDGE);
	set(STATUS, ACKNOWLEDGE | DRIVER);
	set(FEATURES_SEL, 1);
	check("offers VERSION_1", reg(FEATURES) & F_VERSION_1_HIGH);
	set(DRIVER_FEATURES_SEL, 0);
	set(DRIVER_FEATURES, 0);
	set(DRIVER_FEATURES_SEL, 1);
	set(DRIVER_FEATURES, F_VERSION_1_HIGH);
	set(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	check("features accepted", reg(STATUS) & FEATURES_OK);
	set(QUEUE_SEL, 0);
	check("queue is long enough", reg(QUEUE_NUM_MAX) >= SIZE);
	set(QUEUE_NUM, SIZE);
	set64(QUEUE_DESC, desc);
	set64(QUEUE_DRIVER, &avail);
	set64(QUEUE_DEVICE, &used);
	set(QUEUE_READY, 1);
	set(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void request(uint16_t n)
{
	static char key[] = "key-0", answer[256];

	key[4] = (char)('0' + n);
	memset(answer, 0, sizeof answer);
	desc[0].addr = (uintptr_t)key;
	desc[0].len = sizeof key - 1;
	desc[0].flags = DESC_NEXT;
	desc[0].next = 1;
	desc[1].addr = (uintptr_t)answer;
	desc[1].len = sizeof answer;
	desc[1].flags = DESC_WRITE;
	avail.ring[n % SIZE] = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	avail.idx = (uint16_t)(n + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	set(QUEUE_NOTIFY, 0);
	while (used.idx == n)
		wait_for_interrupt();
	check_eq("used id", used.ring[n % SIZE].id, 0);
	check_eq("used len", used.ring[n % SIZE].len, sizeof answer);
	print("%s: %s\n", key, answer);
	check("answer", starts_with(answer, "value of key-") && answer[13] == key[4] && !answer[14]);
}

void guest_main(void)
{
	uint8_t irq = find_device();

	trap_init();
	trap_set(VECTOR, on_used);
	lapic_enable();
	ioapic_route(irq, VECTOR, 0);
	start_device();
	for (uint16_t n = 0; n < 3; n++)
		request(n);
}
