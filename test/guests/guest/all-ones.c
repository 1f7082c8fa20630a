/* SPDX-License-Identifier: Apache-2.0 */
/* Where nothing is, reads are all-ones and writes vanish: ports of every width, MMIO, the PCI
 * config ports. */
#include "guest.h"

/* Nobody's in any interrupt chip configuration: COM2, IDE, floppy, parallel, game port, bochs
 * display, high. */
static const uint16_t ports[] = {
	0x2f8, 0x2fd, 0x1f0, 0x1f7, 0x170, 0x3f2, 0x378, 0x201, 0x1ce, 0xc000, 0xfff8};
/* The hole below 4 GiB, outside every device of the machine. */
static const uint64_t places[] = {
	0xc8000000, 0xe0000000, 0xe0000ff8, 0xf0001000, 0xfed00000, 0xffff0000};

static void check_ports(void)
{
	for (uint32_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		uint8_t many[64] = {0};

		outb(ports[i], 0x12);
		outw(ports[i], 0x1234);
		outl(ports[i], 0x12345678);
		check_eq("byte from a free port", inb(ports[i]), 0xff);
		check_eq("word from a free port", inw(ports[i]), 0xffff);
		check_eq("long from a free port", inl(ports[i]), 0xffffffff);
		ins(ports[i], many, sizeof many);
		for (uint32_t j = 0; j < sizeof many; j += 9)
			check_eq("string from a free port", many[j], 0xff);
	}
}

static void check_mmio(void)
{
	for (uint32_t i = 0; i < sizeof places / sizeof *places; i++) {
		uint64_t p = places[i];

		mmio_w8(p, 0);
		mmio_w16(p, 0);
		mmio_w32(p, 0);
		mmio_w64(p, 0);
		check_eq("byte of free memory space", mmio_r8(p + 1), 0xff);
		check_eq("word of free memory space", mmio_r16(p + 2), 0xffff);
		check_eq("long of free memory space", mmio_r32(p + 4), 0xffffffff);
		check_eq("quad of free memory space", mmio_r64(p), ~0ull);
		check_eq("odd long of free memory space", mmio_r32(p + 3), 0xffffffff);
	}
}

static void check_pci(void)
{
	for (uint32_t dev = 0; dev < 32; dev++) {
		outl(0xcf8, 1u << 31 | dev << 11);
		check_eq("PCI vendor and device id", inl(0xcfc), 0xffffffff);
	}
	outl(0xcf8, 1u << 31);
	check_eq("PCI vendor id by word", inw(0xcfc), 0xffff);
	check_eq("PCI device id by word", inw(0xcfe), 0xffff);
	check_eq("PCI class by byte", inb(0xcff), 0xff);
	outl(0xcfc, 0);
	check_eq("PCI write has no effect", inl(0xcfc), 0xffffffff);
}

void guest_main(void)
{
	check_ports();
	check_mmio();
	check_pci();
}
