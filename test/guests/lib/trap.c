/* SPDX-License-Identifier: Apache-2.0 */
#include "trap.h"

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, attributes;
	uint16_t offset_mid;
	uint32_t offset_high, reserved;
};

enum { VECTORS = 256, HANDLER_BYTES = 32 };

static struct gate idt[VECTORS] __attribute__((aligned(16)));

extern const uint8_t trap_stubs[]; /* 32 of 16 bytes each */
extern const uint8_t trap_handlers[]; /* one a vector, of HANDLER_BYTES each */
extern void (*trap_handler[])(struct frame *); /* where they go on */

void trap_report(uint64_t vector, uint64_t error, const struct frame *frame);

void trap_report(uint64_t vector, uint64_t error, const struct frame *frame)
{
	print("FAIL exception %u error 0x%x at 0x%x cs 0x%x rflags 0x%x cr2 0x%x\n", vector, error,
		frame->rip, frame->cs, frame->rflags, read_cr2());
	guest_exit(1);
}

void trap_set_raw(uint8_t vector, const void *handler)
{
	uint64_t p = (uint64_t)handler;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)p,
		.selector = 0x08,
		.attributes = 0x8e,
		.offset_mid = (uint16_t)(p >> 16),
		.offset_high = (uint32_t)(p >> 32),
	};
}

void trap_set(uint8_t vector, void (*handler)(struct frame *))
{
	trap_handler[vector] = handler;
	trap_set_raw(vector, trap_handlers + HANDLER_BYTES * vector);
}

void trap_init(void)
{
	const struct table_register idtr = {sizeof idt - 1, (uint64_t)idt};

	for (uint8_t v = 0; v < 32; v++)
		trap_set_raw(v, trap_stubs + v * 16);
	__asm__ volatile("lidt %0" : : "m"(idtr));
}
