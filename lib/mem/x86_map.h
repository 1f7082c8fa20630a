/* SPDX-License-Identifier: Apache-2.0 */
/* The x86_64 machine's guest-physical map and interrupt lines: the one place where they are written down.
 * What the loader puts below 1 MiB is in lib/boot. */
#ifndef MEM_X86_MAP_H
#define MEM_X86_MAP_H

#define X86_RAM_GAP_START 0xc0000000ull /* RAM: [0, 3 GiB) and from 4 GiB */
#define X86_RAM_GAP_END 0x100000000ull
#define X86_VIRTIO_BASE 0xd0000000ull /* virtio-mmio device i: one page at + i * 4 KiB */
#define X86_VIRTIO_STRIDE 0x1000ull
#define X86_DOORBELL_BASE 0xd0080000ull /* one page: see lib/vm/doorbell.h */
#define X86_DOORBELL_SIZE 0x1000ull
#define X86_IOAPIC_BASE 0xfec00000ull
#define X86_IOAPIC_SIZE 0x1000ull
#define X86_LAPIC_BASE 0xfee00000ull
#define X86_KVM_IDENTITY 0xfffbc000ull /* KVM_SET_IDENTITY_MAP_ADDR, one page */
#define X86_KVM_TSS 0xfffbd000ull      /* KVM_SET_TSS_ADDR, three pages */

#define X86_PORT_SERIAL 0x3f8
#define X86_GSI_SERIAL 4
#define X86_IOAPIC_PINS 24

/* ACPI power registers (ports). SLEEP_CONTROL is the hardware-reduced one (byte: SLP_EN is bit 5);
 * PM1A_CNT is the legacy one, where QEMU's machines have it (word: SLP_EN is bit 13). */
#define X86_PORT_SLEEP_CONTROL 0x600
#define X86_PORT_SLEEP_STATUS 0x601
#define X86_PORT_PM1A_CNT 0x604
#define X86_ACPI_S5_TYPE 5

#define X86_DEVICES 16 /* virtio-mmio devices in a VM */

/* GSIs of devices in order of handing out: those that guests with only a PIC reach come first. */
#define X86_DEVICE_GSIS { 5, 6, 7, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23 }

#endif
