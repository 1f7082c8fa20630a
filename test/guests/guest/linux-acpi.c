/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI as handed over: cpus=N, and one virtio_mmio.device= word for each LNRO0005 that the DSDT
 * must hold. */
#include "boot_layout.h"
#include "tables.h"

static void check_rsdp(void)
{
	const uint8_t *r;
	uint64_t found = 0;

	for (uint64_t p = 0xe0000; p < 0x100000 && !found; p += 16)
		if (le64((const void *)p) == RSDP_SIGNATURE)
			found = p;
	check("RSDP in 0xe0000-0xfffff", found);
	check_eq("RSDP handed over", boot_rsdp(), found);
	r = (const uint8_t *)found;
	check_eq("RSDP checksum", sum8(r, 20), 0);
	check_eq("RSDP revision", r[15], 2);
	check_eq("RSDP length", le32(r + 20), 36);
	check_eq("RSDP extended checksum", sum8(r, 36), 0);
	check("XSDT below 4 GiB", le64(r + 24) && le64(r + 24) < 1ull << 32);
}

static const struct gas *gas(const uint8_t *fadt, uint32_t offset)
{
	return (const struct gas *)(fadt + offset);
}

static void check_fadt(void)
{
	const uint8_t *f = acpi_bytes("FACP");

	check("FADT revision 5 or later (hardware-reduced)", f[8] >= 5);
	check_eq("FADT length", le32(f + 4) >= FADT_BYTES - 8, 1);
	check("FADT flag HW_REDUCED_ACPI", le32(f + FADT_FLAGS) & 1 << 20);
	check_eq("FADT DSDT and X_DSDT agree", le32(f + FADT_DSDT), le64(f + FADT_X_DSDT));
	check_eq("sleep control space (ports)", gas(f, FADT_SLEEP_CONTROL)->space, 1);
	check("sleep control address", gas(f, FADT_SLEEP_CONTROL)->address);
	check_eq("sleep status space (ports)", gas(f, FADT_SLEEP_STATUS)->space, 1);
	check("sleep status address", gas(f, FADT_SLEEP_STATUS)->address);
	if (le32(f + FADT_FLAGS) & 1 << 10) {
		check_eq("reset register space (ports)", gas(f, FADT_RESET_REG)->space, 1);
		check("reset register address", gas(f, FADT_RESET_REG)->address);
	}
}

static void check_ioapic(const uint8_t *e)
{
	check_eq("MADT IOAPIC address", le32(e + 4), 0xfec00000);
	check_eq("MADT IOAPIC first GSI", le32(e + 8), 0);
}

static void check_madt(void)
{
	const uint8_t *m = acpi_bytes("APIC");
	uint32_t ioapics = 0;
	uint8_t ids[64];
	uint32_t cpus = acpi_cpus(ids, 64);

	check_eq("MADT LAPIC address", le32(m + 36), 0xfee00000);
	check_eq("MADT CPUs", cpus, arg_number("cpus", 1));
	for (uint32_t i = 0; i < cpus && i < 64; i++)
		check_eq("MADT APIC id", ids[i], i);
	for (uint32_t off = 44; off + 2 <= le32(m + 4) && m[off + 1] >= 2; off += m[off + 1]) {
		if (m[off] == 1) {
			ioapics++;
			check_ioapic(m + off);
		}
		/* The timer is on pin 0 of the IOAPIC: an override may not move it. */
		if (m[off] == 2 && m[off + 3] == 0)
			check_eq("MADT override of IRQ 0", le32(m + off + 4), 0);
	}
	check_eq("MADT IOAPICs", ioapics, 1);
}

static const uint8_t *find(const uint8_t *p, const uint8_t *end, const char *bytes, size_t n)
{
	for (; p + n <= end; p++)
		if (*p == (uint8_t)*bytes && !memcmp(p, bytes, n))
			return p;
	return NULL;
}

/* Memory32Fixed (0x86) and an extended interrupt (0x89: consumer, edge, active-high, exclusive)
 * behind the HID. */
static void check_device(const uint8_t *hid, const uint8_t *end, const char *token)
{
	const uint8_t *mem = find(hid, end, "\x86\x09\x00", 3),
		      *irq = find(hid, end, "\x89\x06\x00", 3);
	const char *s;
	uint64_t base, gsi;

	if (!mem || !irq) {
		check("LNRO0005 has Memory32Fixed and an extended interrupt", false);
		return;
	}
	number(token, &s); /* "4K@0x...:N" */
	base = number(s + 2, &s);
	gsi = number(s + 1, &s);
	check_eq("LNRO0005 address", le32(mem + 4), base);
	check_eq("LNRO0005 length", le32(mem + 8), 4096);
	check_eq("LNRO0005 interrupt flags", irq[3], 3);
	check_eq("LNRO0005 interrupts", irq[4], 1);
	check_eq("LNRO0005 interrupt", le32(irq + 5), gsi);
}

static void check_dsdt(void)
{
	static const char word[] = "virtio_mmio.device=";
	const uint8_t *d = acpi_bytes("DSDT"), *end = d + le32(d + 4), *hid = d;
	const char *s = boot_cmdline();
	uint32_t devices = 0;

	check("DSDT below 4 GiB", (uint64_t)d < 1ull << 32);
	check("_S5_ in the DSDT", find(d, end, "_S5_", 4));
	for (; *s; s++) {
		if (!starts_with(s, word))
			continue;
		hid = find(hid + 1, end, "LNRO0005", 8);
		if (!hid)
			break;
		devices++;
		check_device(hid, end, s + sizeof word - 1);
	}
	check_eq("LNRO0005 devices", devices, arg_number("devices", 0));
	check("no device beyond those announced on the command line",
		!devices || !find(hid + 1, end, "LNRO0005", 8));
}

void guest_main(void)
{
	check_rsdp();
	check_fadt();
	check_madt();
	check_dsdt();
}
