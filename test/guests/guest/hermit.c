/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boots as Hermit's loader and kernel do: CS 0x08, zero page, initrd and command line each 4 KiB
 * aligned, every e820 entry is RAM, the initrd is the application, PIC masked, IOAPIC and LAPIC at
 * their places, RTC read twice until it agrees. Ends by a 32-bit write to 0xf4 (1 is success).
 */
#include "apic.h"
#include "boot_layout.h"
#include "trap.h"

static bool failed;

static void expect(const char *what, bool ok)
{
	if (ok)
		return;
	failed = true;
	print("FAIL %s\n", what);
}

__attribute__((interrupt)) static void on_spurious(struct frame *f)
{
	(void)f;
	die("a spurious interrupt of the masked PIC");
}

static void touch_ram(void)
{
	struct ram ram[16];
	uint32_t n = boot_ram(ram, 16);

	for (uint32_t i = 0; i < n; i++) {
		volatile uint64_t *last =
			(volatile uint64_t *)((ram[i].base + ram[i].len - 8) & ~7ull);

		expect("e820 entry is 4 KiB of RAM or more", ram[i].len >= 4096);
		*last = 0x4e4d;
		expect("e820 entry is memory up to its end", *last == 0x4e4d);
	}
}

static uint8_t rtc(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

/* Second, minute, hour, day, month, year; false while an update is going on. */
static bool read_time(uint8_t t[6])
{
	static const uint8_t regs[6] = {0, 2, 4, 7, 8, 9};

	if (rtc(0x0a) & 0x80)
		return false;
	for (int i = 0; i < 6; i++)
		t[i] = rtc(regs[i]);
	return true;
}

static void check_rtc(void)
{
	uint8_t a[6], b[6];

	for (int i = 0; i < 1000; i++)
		if (read_time(a) && read_time(b) && !memcmp(a, b, sizeof a))
			return;
	expect("two reads of the RTC agree", false);
}

static void check_chips(void)
{
	trap_init();
	trap_set(32 + 7, on_spurious);
	pic_remap();
	expect("IOAPIC has 24 pins or fewer", (ioapic_read(1) >> 16 & 0xff) <= 23);
	expect("IOAPIC version",
		(ioapic_read(1) & 0xf0) == 0x10 || (ioapic_read(1) & 0xf0) == 0x20);
	expect("LAPIC answers", lapic_read(LAPIC_VERSION) != 0xffffffff);
	lapic_enable();
	sti();
	for (int i = 0; i < 100; i++)
		relax();
	cli();
}

static void check_cpuid(void)
{
	struct cpuid hv = cpuid(0x40000000, 0), one = cpuid(1, 0);

	expect("CPUID hypervisor bit", one.ecx & 1u << 31);
	expect("CPUID TSC-deadline", one.ecx & 1u << 24);
	expect("CPUID 0x40000010 within the hypervisor's leaves", hv.eax >= 0x40000010);
	expect("CPUID 0x40000010: TSC kHz", cpuid(0x40000010, 0).eax > 100000);
}

void guest_main(void)
{
	const uint8_t *zp = zero_page(),
		      *app = (const uint8_t *)(uint64_t)le32(zp + ZP_RAMDISK_IMAGE);

	expect("CS", entry.cs == 0x08);
	expect("zero page alignment", entry.rsi % 4096 == 0);
	expect("cmd_line_ptr alignment", le32(zp + ZP_CMD_LINE_PTR) % 4096 == 0);
	expect("cmdline_size counts the NUL",
		le32(zp + ZP_CMDLINE_SIZE) == strlen(boot_cmdline()) + 1);
	expect("the initrd, which is the application", app && le32(zp + ZP_RAMDISK_SIZE));
	expect("initrd alignment", (uint64_t)app % 4096 == 0);
	expect("application is an ELF file", le32(app) == 0x464c457f);
	check_rtc();
	check_chips();
	check_cpuid();
	touch_ram();
	if (!failed)
		print("OK\n");
	outl(0xf4, !failed);
	print("FAIL port 0xf4 did not end the guest\n");
	triple_fault();
}
