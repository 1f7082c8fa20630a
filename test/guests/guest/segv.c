/* SPDX-License-Identifier: Apache-2.0 */
/* Writes where nothing is mapped, without an IDT: page fault, double fault, triple fault. */
#include "guest.h"

void guest_main(void)
{
	static const struct table_register none;

	__asm__ volatile("lidt %0" : : "m"(none));
	print("falling\n");
	mmio_w64(0x8000000000, 1);
	die("the write went through");
}
