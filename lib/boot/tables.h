/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables. A `build` appends to a writer, which is `bad` when it was too small; a `write` fills
 * planned, zeroed guest memory in place and cannot fail.
 */
#ifndef BOOT_TABLES_H
#define BOOT_TABLES_H

#include "boot.h"
#include "cursor.h"
#include "job.h"

/* The user's text, and a `virtio_mmio.device=4K@0x<hex>:<irq>` per device before any " -- ", and a
 * NUL. closed: a " --" follows the announcements in any case. */
void boot_cmdline_build(struct writer *w, const char *text, const struct boot_device *device, uint32_t devices,
	bool closed);
/* Is there no word, or "--" the first one? */
bool boot_cmdline_begins_with_arguments(const char *text);
uint64_t boot_cmdline_bytes(const char *text, uint32_t devices); /* at most, a prefix "kernel" included */

/* GDT at BOOT_GDT (flat segments of the mode, a TSS) and the BIOS data area's serial port; sets the
 * entry's mode, selectors and descriptor tables. */
void boot_gdt_write(const struct mem *mem, enum x86_mode mode, struct x86_entry *entry);
/* The first GiB mapped to itself in 2 MiB pages, and those of the first four that hold the image. */
void boot_page_tables_write(const struct mem *mem, const struct boot_image *image);

struct boot_zero_page {
	uint64_t setup_data, rsdp, initrd, initrd_bytes;
	uint32_t cmdline_len;
};
/* struct boot_params (boot.rst "zero page"): setup header, command line, initrd, e820. */
void boot_zero_page_write(
	const struct mem *mem, const struct boot_image *image, const struct boot_zero_page *z);

/* RSDP first, then DSDT, FADT, MADT, XSDT; gpa is where the writer's start will be. */
void boot_acpi_build(struct writer *w, uint64_t gpa, const struct boot_config *config);
uint64_t boot_acpi_bytes(const struct boot_config *config); /* at most */

/* The definition block's body: \_S5, COM1 and a LNRO0005 per device. */
void boot_dsdt_build(struct writer *w, const struct boot_config *config);

/* MP floating pointer and configuration table (Intel MultiProcessor Specification 1.4). */
void boot_mp_build(struct writer *w, uint64_t gpa, const struct boot_config *config);
uint64_t boot_mp_bytes(const struct boot_config *config);

struct boot_devtree {
	const struct boot_config *config;
	const struct mem *mem;
	const char *cmdline;
	uint64_t initrd, initrd_bytes; /* 0: none */
};
/* A flattened device tree in buf; its size, or -ENOSPC. */
int boot_devtree_build(const struct boot_devtree *d, void *buf, uint64_t cap);
uint64_t boot_devtree_bytes(const struct boot_config *config, uint64_t cmdline_bytes); /* at most */

#endif
