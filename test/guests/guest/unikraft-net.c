/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network card as Unikraft takes it. The first word of the command line is its own name and never an announcement;
 * those are read only if a "--" ends them. Its driver accepts GUEST_ANNOUNCE whether it was offered or not, does not
 * look whether FEATURES_OK stayed, and hears of the card through the 8259.
 */
#include "apic.h"
#include "trap.h"
#include "virtio.h"
#include "virtio_regs.h"

enum { SIZE = 4, TX = 1, HDR = 12, FRAME = 60, POOL = 16 << 20, PAGE = 4096 };

#define F_MAC (1ull << 5)
#define F_STATUS (1ull << 16)
#define F_GUEST_ANNOUNCE (1ull << 21)

/* what the image is recognised by */
__attribute__((used)) static const char sections[] = ".uk_ctortab", banner[] = "Unikraft Contract 1.2.3~guest";

static volatile uint32_t interrupts;
static uint64_t base;
static uint8_t irq;

__attribute__((interrupt)) static void on_card(struct frame *f)
{
	(void)f;
	if (mmio_r32(base + INTERRUPT_STATUS) & 1)
		interrupts++;
	mmio_w32(base + INTERRUPT_ACK, mmio_r32(base + INTERRUPT_STATUS));
	if (irq >= 8)
		outb(0xa0, 0x20);
	pic_eoi(irq);
}

static const char *next_word(const char *s)
{
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	return s;
}

/* The last announcement between the name and "--". */
static bool find_card(void)
{
	static const char word[] = "virtio_mmio.device=4K@";
	const char *s;
	bool ended = false;

	for (s = next_word(boot_cmdline()); *s && !ended; s = next_word(s)) {
		ended = s[0] == '-' && s[1] == '-' && (!s[2] || s[2] == ' ');
		if (!starts_with(s, word))
			continue;
		base = number(s + sizeof word - 1, &s);
		irq = (uint8_t)number(s + 1, &s);
	}
	return base && ended;
}

static void set(uint32_t reg, uint32_t v)
{
	mmio_w32(base + reg, v);
}

static void negotiate(void)
{
	const uint64_t accepted = F_MAC | F_STATUS | F_GUEST_ANNOUNCE | VIRTIO_F_VERSION_1;

	check_eq("magic", mmio_r32(base + MAGIC), 0x74726976);
	set(STATUS, 0);
	set(STATUS, ACKNOWLEDGE);
	set(STATUS, ACKNOWLEDGE | DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		set(DRIVER_FEATURES_SEL, i);
		set(DRIVER_FEATURES, (uint32_t)(accepted >> 32 * i));
	}
	set(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

/* Descriptors, available and used ring of queue q in pages of their own, as numbers. */
static uint64_t make_queue(uint32_t q)
{
	uint64_t at = POOL + (uint64_t)q * 4 * PAGE;

	set(QUEUE_SEL, q);
	check("queue size", mmio_r32(base + QUEUE_NUM_MAX) >= SIZE);
	set(QUEUE_NUM, SIZE);
	set(QUEUE_DESC, (uint32_t)at);
	set(QUEUE_DRIVER, (uint32_t)at + PAGE);
	set(QUEUE_DEVICE, (uint32_t)at + 2 * PAGE);
	set(QUEUE_READY, 1);
	return at;
}

static void send(uint64_t queue)
{
	struct virtq_desc *desc = (struct virtq_desc *)queue;
	volatile uint16_t *avail = (volatile uint16_t *)(queue + PAGE), *used = (volatile uint16_t *)(queue + 2 * PAGE);
	uint8_t *frame = (uint8_t *)(queue + 3 * PAGE);

	for (uint32_t i = 0; i < 6; i++) {
		frame[HDR + i] = 0xff;
		frame[HDR + 6 + i] = mmio_r8(base + CONFIG + i);
	}
	desc[0] = (struct virtq_desc){.addr = (uintptr_t)frame, .len = HDR + FRAME};
	avail[2] = 0;
	__asm__ volatile("" ::: "memory");
	avail[1] = 1;
	set(QUEUE_NOTIFY, TX);
	while (!interrupts)
		wait_for_interrupt();
	check_eq("frames sent", used[1], 1);
}

void guest_main(void)
{
	uint64_t tx;

	print_cmdline();
	if (!find_card())
		die("no announcement between the name and --");
	trap_init();
	pic_remap();
	trap_set((uint8_t)(32 + irq), on_card);
	negotiate();
	make_queue(0);
	tx = make_queue(TX);
	set(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	check_eq("status", mmio_r32(base + STATUS), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	pic_unmask(irq);
	send(tx);
	finish_reset();
}
