/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

static uint32_t failures;

void check_eq(const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	failures++;
	print("FAIL %s: got 0x%x want 0x%x\n", what, got, want);
}

void check(const char *what, bool ok)
{
	if (ok)
		return;
	failures++;
	print("FAIL %s\n", what);
}

void triple_fault(void)
{
	static const struct table_register none;

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	__builtin_unreachable();
}

void guest_exit(uint8_t status)
{
	outb(0x501, status);
	outb(0x64, 0xfe);
	triple_fault();
}

void finish_silent(void)
{
	guest_exit(failures ? 1 : 0);
}

void finish(void)
{
	if (!failures)
		print("OK\n");
	finish_silent();
}

void finish_reset(void)
{
	if (failures)
		guest_exit(1);
	print("OK\n");
	outb(0x64, 0xfe);
	print("FAIL port 0x64 did not end the guest\n");
	triple_fault();
}

void die(const char *what)
{
	print("FAIL %s\n", what);
	guest_exit(1);
}
