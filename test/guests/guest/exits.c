/* SPDX-License-Identifier: Apache-2.0 */
/* Ends in the way that the command line picks: exit=WAY status=N. What must not end it is tried
 * first. */
#include "tables.h"

enum { SLP_TYP_S5 = 5 };

static void sleep_control(void)
{
	const uint8_t *fadt = acpi_bytes("FACP");
	const struct gas *g = (const struct gas *)(fadt + FADT_SLEEP_CONTROL);

	outb((uint16_t)g->address, SLP_TYP_S5 << 2); /* SLP_EN is not set yet */
	print("still here\n");
	outb((uint16_t)g->address, SLP_TYP_S5 << 2 | 1 << 5);
}

static void reset_register(void)
{
	const uint8_t *fadt = acpi_bytes("FACP");
	const struct gas *g = (const struct gas *)(fadt + FADT_RESET_REG);

	if (!(le32(fadt + FADT_FLAGS) & 1 << 10))
		die("FADT says there is no reset register");
	outb((uint16_t)g->address, fadt[FADT_RESET_VALUE]);
}

static void bochs_shutdown(void)
{
	for (const char *s = "Shutdown"; *s; s++)
		outb(0x8900, (uint8_t)*s);
}

static void wide_501(uint32_t status)
{
	outl(0x501, 0x10000); /* 32 bits: hvt's walltime, no exit */
	print("still here\n");
	outb(0x501, (uint8_t)status);
}

static void by_f4(uint32_t status)
{
	outb(0x64, 0xaa); /* another keyboard controller command */
	outl(0xf4, status);
}

static void dead_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void guest_main(void)
{
	uint32_t status = (uint32_t)arg_number("status", 0);

	print("going\n");
	if (arg_is("exit", "501b") || arg_is("exit", "501"))
		outb(0x501, (uint8_t)status);
	if (arg_is("exit", "501w"))
		outw(0x501, (uint16_t)status);
	if (arg_is("exit", "501l"))
		wide_501(status);
	if (arg_is("exit", "604"))
		outw(0x604, 0x2000);
	if (arg_is("exit", "604s5"))
		outw(0x604, SLP_TYP_S5 << 10 | 1 << 13);
	if (arg_is("exit", "f4"))
		by_f4(status);
	if (arg_is("exit", "64"))
		outb(0x64, 0xfe);
	if (arg_is("exit", "sleep"))
		sleep_control();
	if (arg_is("exit", "reset"))
		reset_register();
	if (arg_is("exit", "505"))
		outb(0x505, 1);
	if (arg_is("exit", "b004"))
		outw(0xb004, 0x2000);
	if (arg_is("exit", "8900"))
		bochs_shutdown();
	if (arg_is("exit", "triple"))
		triple_fault();
	if (arg_is("exit", "clihlt"))
		dead_halt();
	die("it did not end");
}
