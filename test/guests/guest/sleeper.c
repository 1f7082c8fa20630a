/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps most of its life: ticks=N times (10) the LAPIC timer wakes it after ms=M (100) milliseconds, and it
 * rings the idle doorbell before each wait, so that a scheduler can park it. Then it powers off; with hold=1 it says
 * "fired" first, and is awake until a byte is typed: its timer has run out and was not set again.
 */
#include "apic.h"
#include "tables.h"
#include "trap.h"

enum { COM1_LSR = 0x3f8 + 5, VECTOR = 0x40, DIVIDE_BY_1 = 0xb };
enum { COUNTS_PER_MS = 1000000 /* KVM's LAPIC timer counts nanoseconds */ };

static volatile uint32_t fired;

__attribute__((interrupt)) static void on_timer(struct frame *f)
{
	(void)f;
	fired++;
	lapic_eoi();
}

/* What the node named doorbell@... has as its reg, 0 if there is none. By words and names only: a full walk takes
 * 15 ms where ring 0 is emulated, and there are hundreds of us. */
static uint64_t find_idle_doorbell(void)
{
	enum { BEGIN = 1, END_NODE = 2, PROP = 3, NOP = 4, REG_BYTES = 16 };
	const uint8_t *blob = fdt_blob();
	const uint32_t *t = (const uint32_t *)(blob + (blob ? be32(blob + 8) : 0));
	const uint32_t *end = t + (blob ? be32(blob + 36) / 4 : 0);
	bool inside = false;

	while (t < end) {
		uint32_t token = __builtin_bswap32(*t++);

		if (token == BEGIN) {
			inside = !memcmp(t, "doorbell", 8);
			while (t < end && *t & 0xff && *t & 0xff00 && *t & 0xff0000 && *t & 0xff000000)
				t++;
			t++;
		} else if (token == PROP) {
			uint32_t len = __builtin_bswap32(*t);

			if (inside && len == REG_BYTES)
				return be64(t + 2) + 4;
			t += 2 + (len + 3) / 4;
		} else if (token != END_NODE && token != NOP) {
			break;
		}
	}
	return 0;
}

void guest_main(void)
{
	uint32_t ticks = (uint32_t)arg_number("ticks", 10);
	uint32_t count = (uint32_t)arg_number("ms", 100) * COUNTS_PER_MS;
	uint64_t doorbell = find_idle_doorbell();

	trap_init();
	trap_set(VECTOR, on_timer);
	lapic_enable();
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR);
	for (uint32_t i = 0; i < ticks; i++) {
		lapic_write(LAPIC_TIMER_INITIAL, count);
		while (fired == i) {
			if (doorbell)
				mmio_w32(doorbell, 0);
			wait_for_interrupt();
		}
	}
	if (arg_number("hold", 0)) {
		print("fired\n");
		while (!(inb(COM1_LSR) & 1))
			;
	}
	check_eq("ticks", fired, ticks);
}
