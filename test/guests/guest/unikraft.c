/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots as Unikraft does: own page tables and stack at once, the 8259 remapped to 32 and 40, PIT
 * channel 0 as clock, an RTC that it reads until its update bit is clear. Ends by 0xfe to port
 * 0x64.
 */
#include "apic.h"
#include "boot_layout.h"
#include "ring3.h"
#include "trap.h"

enum { TICKS = 5, IRQ_SERIAL = 4, RTC_TRIES = 10000 };

static volatile uint32_t ticks, serial_interrupts;

__attribute__((interrupt)) static void on_tick(struct frame *f)
{
	(void)f;
	ticks++;
	pic_eoi(0);
}

__attribute__((interrupt)) static void on_serial(struct frame *f)
{
	(void)f;
	serial_interrupts += (inb(0x3fa) & 0xf) == 2; /* transmitter empty; reading clears it */
	pic_eoi(IRQ_SERIAL);
}

static uint8_t rtc(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void check_rtc(void)
{
	uint32_t tries = 0;

	while (rtc(0x0a) & 0x80)
		if (++tries == RTC_TRIES)
			die("RTC status A says update in progress for ever");
	check("RTC status A does not float", rtc(0x0a) != 0xff);
	check_eq("RTC status D: valid", rtc(0x0d), 0x80);
	check_eq("RTC status B: 24 hours, BCD", rtc(0x0b) & 6, 2);
	check("RTC seconds in BCD", (rtc(0) & 0xf) < 10 && rtc(0) < 0x60);
	check("RTC month in BCD", rtc(8) >= 1 && rtc(8) <= 0x12);
	check("RTC year in BCD", (rtc(9) & 0xf) < 10 && rtc(9) >= 0x20);
}

static void check_clock(void)
{
	trap_set(32, on_tick);
	pit_start(1000);
	pic_unmask(0);
	while (ticks < TICKS)
		wait_for_interrupt();
	outb(0x21, 0xff);
	pit_stop();
}

static void check_serial_interrupt(void)
{
	trap_set(32 + IRQ_SERIAL, on_serial);
	pic_unmask(IRQ_SERIAL);
	outb(0x3fc, 0x08); /* OUT2 lets the interrupt out */
	outb(0x3f9, 0x02); /* transmitter empty: it is */
	while (!serial_interrupts)
		wait_for_interrupt();
	outb(0x3f9, 0);
	outb(0x21, 0xff);
}

void guest_main(void)
{
	const uint8_t *zp = zero_page();

	check_eq("boot_flag", le16(zp + ZP_BOOT_FLAG), 0xaa55);
	check_eq("header magic", le32(zp + ZP_MAGIC), ZP_HDRS);
	check("cmd_line_ptr", le32(zp + ZP_CMD_LINE_PTR));
	check_eq("cmdline_size", le32(zp + ZP_CMDLINE_SIZE), strlen(boot_cmdline()) + 1);
	map_identity(16u << 20, 0);
	check_rtc();
	trap_init();
	pic_remap();
	check_eq("PIC keeps its mask", inb(0x21), 0xff);
	check_clock();
	check_serial_interrupt();
	finish_reset();
}
