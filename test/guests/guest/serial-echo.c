/* SPDX-License-Identifier: Apache-2.0 */
/* Takes a line by receive interrupts (IOAPIC pin 4; chip=pic: by the 8259) and says it again. */
#include "apic.h"
#include "trap.h"

enum {
	COM1 = 0x3f8,
	COM1_IER = COM1 + 1,
	COM1_FCR = COM1 + 2,
	COM1_MCR = COM1 + 4,
	COM1_LSR = COM1 + 5
};
enum { IRQ = 4, VECTOR = 32 + IRQ, LINE_MAX = 4096 };

static char line[LINE_MAX];
static volatile uint32_t len, interrupts;
static volatile bool complete;
static bool pic;

__attribute__((interrupt)) static void on_receive(struct frame *f)
{
	(void)f;
	interrupts++;
	while (inb(COM1_LSR) & 1) {
		char c = (char)inb(COM1);

		if (c == '\n')
			complete = true;
		else if (len < LINE_MAX)
			line[len++] = c;
	}
	if (pic)
		pic_eoi(IRQ);
	else
		lapic_eoi();
}

void guest_main(void)
{
	uint32_t sum = 0;

	pic = arg_is("chip", "pic");
	trap_init();
	trap_set(VECTOR, on_receive);
	pic_remap();
	if (pic) {
		pic_unmask(IRQ);
	} else {
		lapic_enable();
		ioapic_route(IRQ, VECTOR, 0);
	}
	outb(COM1_FCR, 0x07); /* FIFOs on and empty */
	outb(COM1_MCR, 0x08);
	outb(COM1_IER, 0x01);
	print("ready\n");
	while (!complete)
		wait_for_interrupt();
	outb(COM1_IER, 0);
	for (uint32_t i = 0; i < len; i++)
		sum = sum * 31 + (uint8_t)line[i];
	check("an interrupt announced it", interrupts);
	if (len <= 80) {
		print_bytes("echo: ", 6);
		print_bytes(line, len);
		print_bytes("\n", 1);
	}
	print("%u bytes, sum %x\n", (uint64_t)len, (uint64_t)sum);
}
