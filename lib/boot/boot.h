/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot protocols: image bytes in; guest memory contents and an entry state out. No KVM, no files. Image and
 * module bytes are hostile: everything is checked against the file before anything is written to memory.
 *
 * boot_parse decides what an image is and keeps pointers into `data`, which must outlive it; boot_load
 * places it, its modules, command line and tables into one guest's memory. Both are pure: an image may be
 * loaded into many guests from many threads.
 */
#ifndef BOOT_H
#define BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "mem.h"
#include "x86_entry.h"

enum boot_protocol { /* values of UKVMM_BOOT_* */
	BOOT_AUTO,
	BOOT_LINUX,
	BOOT_PVH,
	BOOT_MULTIBOOT,
	BOOT_HVT,
};

enum boot_format { BOOT_ELF64, BOOT_ELF32, BOOT_BZIMAGE, BOOT_AOUT /* multiboot address fields */ };

enum { BOOT_SEGMENTS = 64, BOOT_MODULES = 16 };

/* File bytes [offset, offset + file_bytes) go to gpa; the rest up to mem_bytes is zero. */
struct boot_segment {
	uint64_t offset, file_bytes, gpa, mem_bytes;
	uint32_t flags; /* PF_X 1, PF_W 2, PF_R 4 */
};

enum boot_hvt_type { BOOT_HVT_BLOCK = 1, BOOT_HVT_NET = 2, BOOT_HVT_FIRST = 1 << 30 /* entry 0 */ };
enum { BOOT_HVT_ENTRIES = 64, BOOT_HVT_NAME = 68 /* with NUL */ };

/* A device that a Solo5 guest's manifest names; its index is the guest's handle of it. */
struct boot_hvt_entry {
	char name[BOOT_HVT_NAME]; /* letters and digits */
	enum boot_hvt_type type;
};

struct boot_image {
	const uint8_t *data;
	uint64_t len;
	uint8_t *unpacked;		/* owned: a decompressed bzImage payload, which data then points to */
	enum boot_protocol protocol;	/* the one to start it by, never BOOT_AUTO */
	enum boot_format format;
	struct boot_segment segment[BOOT_SEGMENTS];
	uint32_t segments;
	uint64_t entry;			/* guest-physical entry of the chosen protocol */
	uint64_t low, high;		/* extent of the segments; bzImage: load address, + init_size */
	bool has_pvh, has_multiboot, has_hvt;
	uint64_t pvh_entry;
	uint32_t multiboot_flags;
	uint8_t setup_header[0x100];	/* bzImage: file bytes 0x1f1.., for the zero page; else zero */
	uint32_t setup_header_len;
	uint32_t cmdline_max;		/* longest command line without NUL; 0: the protocol names none (then 65535) */
	uint64_t initrd_max;		/* highest address of an initrd's last byte; ~0: any */
	uint32_t hvt_entries;		/* of the manifest; entry 0 is no device */
	uint64_t hvt_manifest;		/* its place in data */
	uint64_t dense_from;		/* the image says that it touches memory from there on densely; 0: it does not say */
	bool unikraft;			/* its command line: a name first, announcements only before a " --" */
	const char *pci_guest;		/* NULL; else it looks for devices on a PCI bus only: what would not */
	uint32_t pci_devices;		/* that its Solo5 manifest names */
	char guest[64];			/* what the image says it is, printable ASCII; "" unknown */
};

/*
 * `wanted` BOOT_AUTO: detection order of the design: Solo5 note, bzImage, multiboot1, ELF64 (Linux protocol;
 * PVH where e_entry lies outside every segment's physical range and a PVH note exists).
 * decompress: unpack an LZ4 or XZ bzImage payload into an ELF64 and take that.
 * name: for errors. -ENOEXEC with a plain reason: not bootable; -ENOMEM.
 */
int boot_parse(struct boot_image *image, const void *data, uint64_t len, enum boot_protocol wanted,
	bool decompress, const char *name, struct ukvmm_err *err);
void boot_image_fini(struct boot_image *image);

/* index < hvt_entries */
void boot_hvt_entry(const struct boot_image *image, uint32_t index, struct boot_hvt_entry *entry);

/* hvt: the whole pages, from 1 MiB, that hold segment i and nothing that may be written; false: it has none.
 * The guest's page tables let it write there, so that its host can tell an attempt from a page fault of the guest's. */
bool boot_hvt_read_only(const struct boot_image *image, uint32_t i, uint64_t *gpa, uint64_t *len);

struct boot_module {
	const uint8_t *data;
	uint64_t len;
	const char *text; /* may be NULL */
};

struct boot_device { /* a virtio-mmio device, announced in every table and on the command line */
	uint64_t gpa, len;
	uint32_t gsi;
};

struct boot_hvt_device { /* what is attached to an entry of the manifest */
	uint64_t capacity;   /* BLOCK: bytes */
	uint16_t block_size; /* BLOCK */
	uint16_t mtu;	     /* NET */
	uint8_t mac[6];	     /* NET */
};

struct boot_config {
	const char *name; /* of the VM, for errors */
	const struct boot_image *image;
	const struct boot_module *module; /* module 0 is the initrd */
	uint32_t modules;
	const char *cmdline; /* the user's text, may be NULL */
	const struct boot_device *device;
	uint32_t devices;
	uint32_t vcpus;	    /* APIC ids 0.. */
	uint64_t doorbell;  /* gpa of the doorbell page; 0: none */
	uint32_t tsc_khz;   /* for the device tree; 0: unknown */
	const struct boot_hvt_device *hvt_device; /* hvt: one per entry of the manifest */
	bool hvt_exec_data; /* hvt: all from 1 MiB on can be executed */
	bool irqchip;	    /* is there an IOAPIC, LAPIC and PIC to describe? */
	uint8_t seed[32];   /* entropy for the guest (SETUP_RNG_SEED, /chosen/rng-seed) */
};

/* Fills guest memory (freshly zeroed) and *entry. -ENOSPC: RAM too small, text says what is needed;
 * -E2BIG: command line too long; -ENOEXEC: a segment overlaps the tables or lies outside RAM;
 * -ENOTSUP: hvt without a known TSC rate, a guest that needs PCI with devices; -EINVAL: the config cannot be (vCPUs, devices, several modules for the Linux protocol); -ENOMEM.
 * On failure nothing has been written. */
int boot_load(const struct boot_config *config, const struct mem *mem, struct x86_entry *entry,
	struct ukvmm_err *err);

#endif
