/* SPDX-License-Identifier: Apache-2.0 */
/* Intel MultiProcessor Specification 1.4, chapter 4: for guests without ACPI (OSv, Linux with
 * acpi=off). */
#include "tables.h"

#include "le.h"
#include "x86_map.h"

enum {
	FLOATING_BYTES = 16,
	HEADER_BYTES = 44,
	PROCESSOR_BYTES = 20,
	ENTRY_BYTES = 8,
	SPEC_1_4 = 4,

	PROCESSOR = 0,
	BUS = 1,
	IOAPIC = 2,
	IO_INTERRUPT = 3,
	LOCAL_INTERRUPT = 4,

	CPU_ENABLED = 1,
	CPU_BOOT = 2,
	LAPIC_VERSION = 0x14,
	IOAPIC_VERSION = 0x11,
	INTERRUPT_INT = 0,
	INTERRUPT_NMI = 1,
	INTERRUPT_EXTINT = 3,
	ALL_LAPICS = 0xff,
	ISA_BUS = 0,
};

static uint32_t entries(const struct boot_config *config)
{
	return config->vcpus + 2 + X86_IOAPIC_PINS + 2;
}

uint64_t boot_mp_bytes(const struct boot_config *config)
{
	return FLOATING_BYTES + HEADER_BYTES + (uint64_t)config->vcpus * PROCESSOR_BYTES +
	       (entries(config) - config->vcpus) * (uint64_t)ENTRY_BYTES;
}

static uint8_t checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

static void add_floating(struct writer *w, uint64_t table)
{
	size_t start = w->len;

	writer_bytes(w, "_MP_", 4);
	writer_u32(w, (uint32_t)table);
	writer_u8(w, 1); /* length in 16 bytes */
	writer_u8(w, SPEC_1_4);
	writer_zero(w, 6); /* checksum; features: a table is there, no IMCR */
	if (!w->bad)
		w->data[start + 10] = checksum(w->data + start, FLOATING_BYTES);
}

static void add_header(struct writer *w, const struct boot_config *config)
{
	writer_bytes(w, "PCMP", 4);
	writer_u16(w, (uint16_t)(boot_mp_bytes(config) - FLOATING_BYTES));
	writer_u8(w, SPEC_1_4);
	writer_u8(w, 0);			     /* checksum */
	writer_bytes(w, "UKVMM   UKVMM VM    ", 20); /* OEM id, product id */
	writer_zero(w, 6);			     /* OEM table */
	writer_u16(w, (uint16_t)entries(config));
	writer_u32(w, X86_LAPIC_BASE & 0xffffffff);
	writer_u32(w, 0); /* extended table */
}

static void add_processors(struct writer *w, uint32_t vcpus)
{
	for (uint32_t i = 0; i < vcpus; i++) {
		writer_u8(w, PROCESSOR);
		writer_u8(w, (uint8_t)i);
		writer_u8(w, LAPIC_VERSION);
		writer_u8(w, i ? CPU_ENABLED : CPU_ENABLED | CPU_BOOT);
		writer_u32(w, 0x600); /* signature: family 6 */
		writer_u32(w, 0x201); /* features: APIC, FPU */
		writer_zero(w, 8);
	}
}

/* Interrupt flags 0: as the ISA bus has them, edge and active high. */
static void add_interrupt(
	struct writer *w, uint8_t entry, uint8_t kind, uint8_t irq, uint8_t apic, uint8_t pin)
{
	writer_u8(w, entry);
	writer_u8(w, kind);
	writer_u16(w, 0);
	writer_u8(w, ISA_BUS);
	writer_u8(w, irq);
	writer_u8(w, apic);
	writer_u8(w, pin);
}

void boot_mp_build(struct writer *w, uint64_t gpa, const struct boot_config *config)
{
	uint8_t ioapic = (uint8_t)config->vcpus;
	size_t start;

	add_floating(w, gpa + FLOATING_BYTES);
	start = w->len;
	add_header(w, config);
	add_processors(w, config->vcpus);
	writer_u8(w, BUS);
	writer_u8(w, ISA_BUS);
	writer_bytes(w, "ISA   ", 6);
	writer_u8(w, IOAPIC);
	writer_u8(w, ioapic);
	writer_u8(w, IOAPIC_VERSION);
	writer_u8(w, 1); /* usable */
	writer_u32(w, X86_IOAPIC_BASE & 0xffffffff);
	for (uint8_t pin = 0; pin < X86_IOAPIC_PINS; pin++)
		add_interrupt(w, IO_INTERRUPT, INTERRUPT_INT, pin, ioapic, pin);
	add_interrupt(w, LOCAL_INTERRUPT, INTERRUPT_EXTINT, 0, ALL_LAPICS, 0);
	add_interrupt(w, LOCAL_INTERRUPT, INTERRUPT_NMI, 0, ALL_LAPICS, 1);
	if (!w->bad)
		w->data[start + 7] = checksum(w->data + start, w->len - start);
}
