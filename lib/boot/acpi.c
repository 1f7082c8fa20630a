/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI 6.4 chapter 5: hardware-reduced, with the legacy PM1a control register beside it, because
 * Solo5 and IncludeOS power off by that; and with both DSDT pointers, because IncludeOS reads the
 * 32-bit one. */
#include "tables.h"

#include "le.h"
#include "x86_map.h"

enum {
	RSDP_BYTES = 36,
	HEADER_BYTES = 36,
	LENGTH = 4,
	CHECKSUM = 9,
	FADT_BYTES = 276,
	TABLE_ALIGN = 8,

	/* FADT, table 5.9 */
	FADT_DSDT = 40,
	FADT_PM1A_CNT = 64,
	FADT_PM1_CNT_LEN = 89,
	FADT_P_LVL2_LAT = 96,
	FADT_P_LVL3_LAT = 98,
	FADT_IAPC_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR = 131,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CNT = 172,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,
	FADT_HYPERVISOR = 268,

	BOOT_ARCH_LEGACY_DEVICES = 1 << 0, /* COM1 */
	BOOT_ARCH_NO_VGA = 1 << 2,
	FLAG_WBINVD = 1 << 0,
	FLAG_NO_POWER_BUTTON = 1 << 4,
	FLAG_NO_SLEEP_BUTTON = 1 << 5,
	FLAG_RESET_REG = 1 << 10,
	FLAG_HW_REDUCED = 1 << 20,
	LATENCY_NONE = 0xfff, /* no C2, C3 */

	PORT_I8042 = 0x64,
	I8042_RESET = 0xfe,

	MADT_PCAT_COMPAT = 1,
};

static uint8_t checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

static size_t table_begin(struct writer *w, const char signature[static 4], uint8_t revision)
{
	size_t start;

	writer_zero(w, (TABLE_ALIGN - w->len % TABLE_ALIGN) % TABLE_ALIGN);
	start = w->len;
	writer_bytes(w, signature, 4);
	writer_u32(w, 0); /* length */
	writer_u8(w, revision);
	writer_u8(w, 0);		       /* checksum */
	writer_bytes(w, "UKVMM UKVMM VM", 14); /* OEM id, table id */
	writer_u32(w, 1);
	writer_bytes(w, "UKVM", 4);
	writer_u32(w, 1);
	return start;
}

static void table_end(struct writer *w, size_t start)
{
	if (w->bad)
		return;
	put32(w->data, start + LENGTH, (uint32_t)(w->len - start));
	w->data[start + CHECKSUM] = checksum(w->data + start, w->len - start);
}

static size_t build_dsdt(struct writer *w, const struct boot_config *config)
{
	size_t start = table_begin(w, "DSDT", 2);

	boot_dsdt_build(w, config);
	table_end(w, start);
	return start;
}

/* Generic address structure, 5.2.3.2, in I/O space. */
static void put_port(uint8_t *p, size_t off, uint8_t bytes, uint16_t port)
{
	p[off] = 1;
	p[off + 1] = (uint8_t)(bytes * 8);
	p[off + 3] = bytes; /* access size: 1 byte, 2 word */
	put64(p, off + 4, port);
}

static size_t build_fadt(struct writer *w, uint64_t dsdt)
{
	size_t start = table_begin(w, "FACP", 6);
	uint8_t *p;

	writer_zero(w, FADT_BYTES - HEADER_BYTES);
	if (w->bad)
		return start;
	p = w->data + start;
	put32(p, FADT_DSDT, (uint32_t)dsdt);
	put64(p, FADT_X_DSDT, dsdt);
	put32(p, FADT_PM1A_CNT, X86_PORT_PM1A_CNT);
	put8(p, FADT_PM1_CNT_LEN, 2);
	put_port(p, FADT_X_PM1A_CNT, 2, X86_PORT_PM1A_CNT);
	put16(p, FADT_P_LVL2_LAT, LATENCY_NONE);
	put16(p, FADT_P_LVL3_LAT, LATENCY_NONE);
	put16(p, FADT_IAPC_BOOT_ARCH, BOOT_ARCH_LEGACY_DEVICES | BOOT_ARCH_NO_VGA);
	put32(p, FADT_FLAGS,
		FLAG_WBINVD | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON | FLAG_RESET_REG |
			FLAG_HW_REDUCED);
	put_port(p, FADT_RESET_REG, 1, PORT_I8042);
	put8(p, FADT_RESET_VALUE, I8042_RESET);
	put8(p, FADT_MINOR, 4);
	put_port(p, FADT_SLEEP_CONTROL, 1, X86_PORT_SLEEP_CONTROL);
	put_port(p, FADT_SLEEP_STATUS, 1, X86_PORT_SLEEP_STATUS);
	memcpy(p + FADT_HYPERVISOR, "UKVMM", 5);
	table_end(w, start);
	return start;
}

static size_t build_madt(struct writer *w, const struct boot_config *config)
{
	size_t start = table_begin(w, "APIC", 5);

	writer_u32(w, X86_LAPIC_BASE & 0xffffffff);
	writer_u32(w, MADT_PCAT_COMPAT);
	for (uint32_t i = 0; i < config->vcpus; i++) {
		writer_u8(w, 0); /* local APIC, 5.2.12.2 */
		writer_u8(w, 8);
		writer_u8(w, (uint8_t)i);
		writer_u8(w, (uint8_t)i);
		writer_u32(w, 1); /* enabled */
	}
	writer_u8(w, 1); /* I/O APIC, 5.2.12.3 */
	writer_u8(w, 12);
	writer_u8(w, (uint8_t)config->vcpus); /* an id that no LAPIC has */
	writer_u8(w, 0);
	writer_u32(w, X86_IOAPIC_BASE & 0xffffffff);
	writer_u32(w, 0); /* first GSI */
	table_end(w, start);
	return start;
}

static size_t build_xsdt(struct writer *w, uint64_t fadt, uint64_t madt)
{
	size_t start = table_begin(w, "XSDT", 1);

	writer_u64(w, fadt);
	writer_u64(w, madt);
	table_end(w, start);
	return start;
}

static void build_rsdp(uint8_t *p, uint64_t xsdt)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "UKVMM ", 6);
	put8(p, 15, 2); /* revision */
	put32(p, 20, RSDP_BYTES);
	put64(p, 24, xsdt);
	put8(p, 8, checksum(p, 20));
	put8(p, 32, checksum(p, RSDP_BYTES));
}

uint64_t boot_acpi_bytes(const struct boot_config *config)
{
	return 1024 + config->vcpus * 8ull + config->devices * 128ull;
}

void boot_acpi_build(struct writer *w, uint64_t gpa, const struct boot_config *config)
{
	size_t start = w->len, dsdt, fadt, madt, xsdt;

	writer_zero(w, RSDP_BYTES);
	dsdt = build_dsdt(w, config);
	fadt = build_fadt(w, gpa + dsdt);
	madt = build_madt(w, config);
	xsdt = build_xsdt(w, gpa + fadt, gpa + madt);
	if (!w->bad)
		build_rsdp(w->data + start, gpa + xsdt);
}
