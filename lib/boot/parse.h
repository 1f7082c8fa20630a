/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of boot_parse, one per format. Each reads file bytes only through a bounded cursor, and
 * fails with -ENOEXEC and a plain reason; `err` may be NULL. They keep pointers into the file,
 * never copies of it. */
#ifndef BOOT_PARSE_H
#define BOOT_PARSE_H

#include "boot.h"

struct boot_file {
	const uint8_t *data;
	uint64_t len;
	const char *name; /* for errors */
	struct ukvmm_err *err;
};

/* Fills file->err with -ENOEXEC and a formatted reason; returns -ENOEXEC. */
int boot_refuse(const struct boot_file *file, const char *fmt, ...) ERR_PRINTF(2, 3);

/* The same for a file of no known format, which it names if it can. */
int boot_refuse_unknown(const struct boot_file *file);

struct boot_notes {
	bool has_pvh, has_solo5;
	uint64_t pvh_entry;		  /* "Xen" note XEN_ELFNOTE_PHYS32_ENTRY */
	uint32_t solo5_target, solo5_abi; /* "Solo5" note ABI1 */
	bool has_manifest;		  /* "Solo5" note MFT1: where its contents are in the file; 0, 0: its size is none */
	uint64_t manifest, manifest_len;
	bool has_function;		  /* "ukvmm" note 1: a function of our runtime, */
	uint64_t dense_from;		  /* which touches memory from there on densely */
};

/* Looks through the notes in [off, off + len) of the file, each field `align`ed (4 or 8). Stops at
 * the first malformed one: a kernel's own notes are not what makes it bootable. */
void boot_notes_scan(const struct boot_file *file, uint64_t off, uint64_t len, uint64_t align,
	struct boot_notes *notes);

struct boot_elf {
	bool is64, dynamic, wants_interpreter;
	uint64_t entry; /* e_entry as it stands */
	struct boot_segment segment[BOOT_SEGMENTS];
	uint64_t vaddr[BOOT_SEGMENTS];
	uint32_t segments;
	uint64_t noted; /* bytes that were looked through for notes */
	struct boot_notes notes;
};

bool boot_elf_is(const struct boot_file *file);
/* ELF64 (EM_X86_64) and ELF32 (EM_386), by p_paddr; empty segments are left out. */
int boot_elf_parse(const struct boot_file *file, struct boot_elf *elf);
/* e_entry as a physical address: where it is not one already, through the segment that maps it. */
uint64_t boot_elf_physical_entry(const struct boot_elf *elf);
/* Moves segments, extent and notes over to the image. */
void boot_elf_take(const struct boot_elf *elf, struct boot_image *image);

bool boot_elf_covers(const struct boot_elf *elf, uint64_t gpa);

/* Is gpa inside one of the image's segments? */
bool boot_image_covers(const struct boot_image *image, uint64_t gpa);

bool boot_bzimage_is(const struct boot_file *file);
/* Setup header, load address and limits (boot.rst). */
int boot_bzimage_parse(const struct boot_file *file, struct boot_image *image);
/* The compressed payload: its place in the file. */
int boot_bzimage_payload(
	const struct boot_file *file, const struct boot_image *image, uint64_t *off, uint64_t *len);

/* Unpacks a bzImage payload (whose last four bytes are its unpacked size) into *out, from malloc.
 */
int boot_unpack(
	const struct boot_file *file, uint64_t off, uint64_t len, uint8_t **out, uint64_t *out_len);

struct boot_multiboot {
	uint64_t offset; /* of the header in the file */
	uint32_t flags, header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

/* Finds a multiboot1 header with a right checksum in the first 8 KiB. */
bool boot_multiboot_find(const struct boot_file *file, struct boot_multiboot *header);
/* Its address fields as one segment (flag bit 16). */
int boot_multiboot_aout(const struct boot_file *file, const struct boot_multiboot *header,
	struct boot_image *image);

/* How many devices the manifest of a Solo5 guest of any target names; 0 where it has none or a bad one. */
uint32_t boot_solo5_devices(const struct boot_file *file, const struct boot_notes *notes);

/* What was found in a file before a protocol is chosen. */
struct boot_found {
	bool is_elf, is_bzimage, has_multiboot;
	int elf_error; /* of an ELF file whose headers are bad */
	struct boot_elf elf;
	struct boot_multiboot multiboot;
};

bool boot_is_hvt(const struct boot_found *f);
/* Checks the manifest that the notes lead to, and moves it over to the image. */
int boot_hvt_manifest(const struct boot_file *file, const struct boot_notes *notes, struct boot_image *image);
/* An image by one protocol: segments, entry and limits. */
int boot_parse_hvt(const struct boot_file *file, struct boot_found *f, struct boot_image *image);
int boot_parse_multiboot(
	const struct boot_file *file, struct boot_found *f, struct boot_image *image);
int boot_parse_pvh(const struct boot_file *file, struct boot_found *f, struct boot_image *image);
int boot_parse_linux(const struct boot_file *file, struct boot_found *f, struct boot_image *image);

/* What the file says it is, into image->guest, by strings that guests carry; bounded. */
void boot_identify(const struct boot_file *file, struct boot_image *image);
/* Adds to image->guest, which says that it is one, what is built on it and its version. */
void boot_identify_solo5(const struct boot_file *file, struct boot_image *image);

#endif
