/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses ranges that the embedder trapped, port=P and mmio=A, and says what it read. */
#include "guest.h"

void guest_main(void)
{
	uint16_t port = (uint16_t)arg_number("port", 0x9000);
	uint64_t a = arg_number("mmio", 0xe1000000);

	print("port %x", (uint64_t)inb(port));
	print(" %x", (uint64_t)inw(port));
	print(" %x\n", (uint64_t)inl(port));
	print("mmio %x", (uint64_t)mmio_r8(a));
	print(" %x", (uint64_t)mmio_r16(a + 2));
	print(" %x", (uint64_t)mmio_r32(a + 4));
	print(" %x\n", mmio_r64(a + 8));
	outb(port, 0x11);
	outw(port, 0x2222);
	outl(port, 0x33333333);
	mmio_w8(a, 0x44);
	mmio_w16(a + 2, 0x5555);
	mmio_w32(a + 4, 0x66666666);
	mmio_w64(a + 8, 0x7777777788888888);
}
