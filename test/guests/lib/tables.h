/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI and device tree as a guest reads them: nothing is trusted, a wrong length or checksum ends
 * the guest. */
#ifndef TABLES_H
#define TABLES_H

#include "guest.h"

struct sdt { /* header of every ACPI table */
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

/* The table, checksum verified; NULL if the XSDT does not name it. "DSDT" is found through the
 * FADT. */
const struct sdt *acpi_find(const char *signature);
const uint8_t *acpi_bytes(const char *signature); /* the same as bytes; dies if it is missing */

/* APIC ids of the usable CPUs of the MADT; returns how many there are. */
uint32_t acpi_cpus(uint8_t *ids, uint32_t max);

/* A generic address structure: space 1 is ports, 0 memory. */
struct gas {
	uint8_t space, bits, offset, access;
	uint64_t address;
} __attribute__((packed));
/* The FADT's sleep control, sleep status or reset register. */
enum {
	FADT_DSDT = 40,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,
	FADT_BYTES = 276
};

/* ---- device tree: Devicetree Specification 0.4, section 5 ---- */

struct fdt_prop {
	const uint8_t *value;
	uint32_t len;
};

struct fdt_node { /* offset of its FDT_BEGIN_NODE in the structure block */
	uint32_t offset;
	const char *name;
};

const uint8_t *fdt_blob(
	void); /* setup_data SETUP_DTB of the zero page, header checked; NULL: none */
/* The next node in document order after `node` (NULL offset 0: the first, the root). False at the
 * end. */
bool fdt_next(struct fdt_node *node, bool first);
bool fdt_path(const char *name, struct fdt_node *node); /* first node of that name */
bool fdt_compatible(
	const char *compatible, struct fdt_node *node); /* first from the start, or after node */
bool fdt_prop(const struct fdt_node *node, const char *name, struct fdt_prop *prop);

#endif
