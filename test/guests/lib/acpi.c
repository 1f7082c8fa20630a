/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_layout.h"
#include "tables.h"

enum { XSDT_ADDRESS = 24, SDT_BYTES = sizeof(struct sdt), TABLE_MAX = 65536 };

static const struct sdt *table_at(uint64_t p, const char *signature)
{
	const struct sdt *t = (const struct sdt *)p;

	if (memcmp(t->signature, signature, 4))
		return NULL;
	if (t->length < SDT_BYTES || t->length > TABLE_MAX || sum8(t, t->length)) {
		print("FAIL ACPI table %c%c%c%c: length or checksum wrong\n",
			(uint64_t)signature[0], (uint64_t)signature[1], (uint64_t)signature[2],
			(uint64_t)signature[3]);
		guest_exit(1);
	}
	return t;
}

static const struct sdt *xsdt(void)
{
	uint64_t rsdp = boot_rsdp();
	const struct sdt *t;

	if (!rsdp)
		return NULL;
	t = table_at(le64((const void *)(rsdp + XSDT_ADDRESS)), "XSDT");
	if (!t)
		die("the RSDP points to no XSDT");
	return t;
}

const struct sdt *acpi_find(const char *signature)
{
	const struct sdt *x = xsdt(), *t;

	if (!x)
		return NULL;
	if (!strcmp(signature, "DSDT"))
		return table_at(le64(acpi_bytes("FACP") + FADT_X_DSDT), signature);
	for (uint32_t off = SDT_BYTES; off + 8 <= x->length; off += 8) {
		t = table_at(le64((const uint8_t *)x + off), signature);
		if (t)
			return t;
	}
	return NULL;
}

const uint8_t *acpi_bytes(const char *signature)
{
	const struct sdt *t = acpi_find(signature);

	if (!t) {
		print("FAIL no ACPI table %s\n", signature);
		guest_exit(1);
	}
	return (const uint8_t *)t;
}

uint32_t acpi_cpus(uint8_t *ids, uint32_t max)
{
	const uint8_t *madt = acpi_bytes("APIC");
	uint32_t end = le32(madt + 4), n = 0;

	for (uint32_t off = 44; off + 2 <= end && madt[off + 1] >= 2; off += madt[off + 1]) {
		const uint8_t *e = madt + off;

		if (e[0] != 0 || !(le32(e + 4) & 1)) /* enabled local APICs */
			continue;
		if (n < max)
			ids[n] = e[3];
		n++;
	}
	return n;
}
