/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include <stdio.h>

#include "aml.h"
#include "x86_map.h"

/* Solo5 and IncludeOS look for these bytes without an AML interpreter: Name (_S5_, Package (4) {5,
 * 5, 0, 0}), each number with its prefix. */
static void add_s5(struct writer *w)
{
	writer_bytes(w, "\x08_S5_\x12\x0a\x04", 8);
	aml_byte(w, X86_ACPI_S5_TYPE);
	aml_byte(w, X86_ACPI_S5_TYPE);
	aml_byte(w, 0);
	aml_byte(w, 0);
}

static void add_serial(struct writer *w)
{
	size_t device = aml_device(w, "COM1"), resources;

	aml_name(w, "_HID");
	aml_dword(w, 0x0105d041); /* EISAID ("PNP0501"), 19.3.4 */
	aml_name(w, "_UID");
	aml_byte(w, 0);
	resources = aml_resources(w);
	aml_io(w, X86_PORT_SERIAL, 8);
	aml_interrupt(w, X86_GSI_SERIAL);
	aml_resources_end(w, resources);
	aml_end(w, device);
}

static void add_virtio(struct writer *w, const struct boot_device *d, uint32_t index)
{
	size_t device, resources;
	char name[8];

	snprintf(name, sizeof name, "V%03X", index & 0xfff);
	device = aml_device(w, name);
	aml_name(w, "_HID");
	aml_string(w, "LNRO0005");
	aml_name(w, "_UID");
	aml_byte(w, (uint8_t)index);
	aml_name(w, "_CCA");
	aml_byte(w, 1);
	resources = aml_resources(w);
	aml_memory32(w, (uint32_t)d->gpa, (uint32_t)d->len);
	aml_interrupt(w, d->gsi);
	aml_resources_end(w, resources);
	aml_end(w, device);
}

void boot_dsdt_build(struct writer *w, const struct boot_config *config)
{
	size_t scope;

	add_s5(w);
	scope = aml_scope(w, "_SB_");
	add_serial(w);
	for (uint32_t i = 0; i < config->devices; i++)
		add_virtio(w, &config->device[i], i);
	aml_end(w, scope);
}
