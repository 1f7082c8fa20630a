/* SPDX-License-Identifier: Apache-2.0 */
/* Images made by hand, and a guest to load them into. Everything that is returned is freed by the
 * caller. */
#ifndef TEST_IMAGES_H
#define TEST_IMAGES_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "boot.h"

struct bytes {
	uint8_t *data;
	uint64_t len;
};
void bytes_free(struct bytes *b);

struct test_segment {
	uint32_t type; /* 0: PT_LOAD */
	uint64_t vaddr, paddr, mem_bytes;
	const void *data;
	uint64_t len;
};
/* Segments follow the program headers in the file, 16-byte aligned. */
struct bytes make_elf64(uint64_t entry, const struct test_segment *segments, uint32_t n);
struct bytes make_elf32(uint32_t entry, const struct test_segment *segments, uint32_t n);
/* One segment of code at 1 MiB, entered at its start. */
struct bytes make_plain(void);
/* The same with a note (PT_NOTE). */
struct bytes make_noted(uint64_t entry, const struct bytes *note);
struct bytes make_note(const char *name, uint32_t type, const void *desc, uint32_t len);
/* A Solo5 hvt guest of that ABI version: the notes ABI1 and MFT1, in one segment. The manifest's contents are len
 * bytes (NULL: make_manifest(0)). */
struct bytes make_hvt(uint32_t abi, const struct bytes *manifest);
/* One with the reserved entry and n devices "d0" ... "d9", "e0" ...: disks and, in odd places, network cards. */
struct bytes make_manifest(uint32_t n);

/* A bzImage (protocol 2.15, 64-bit entry, pref_address 16 MiB, init_size 1 MiB) around a payload.
 */
struct bytes make_bzimage(const struct bytes *payload);
/* Payloads: compressed, and the unpacked size behind. */
struct bytes pack_lz4(const struct bytes *raw);
struct bytes pack_xz(const struct bytes *raw);

/* A flat file with a multiboot header at offset 16; aout 0 leaves flag bit 16 clear. */
struct multiboot_fields {
	uint32_t flags, header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};
void put_multiboot(uint8_t *at, const struct multiboot_fields *f);

void poke16(struct bytes *b, uint64_t off, uint16_t v);
void poke32(struct bytes *b, uint64_t off, uint32_t v);
void poke64(struct bytes *b, uint64_t off, uint64_t v);

/* A guest of `mib` MiB with one image in it. */
struct guest {
	struct mem mem;
	struct boot_image image;
	struct boot_config config;
	struct x86_entry entry;
	struct ukvmm_err err;
};
/* Parses (which must succeed) and readies a config of one vCPU with an irqchip and no devices. */
void guest_init(struct guest *g, const struct bytes *file, enum boot_protocol wanted, uint64_t mib);
void guest_load(struct guest *g); /* must succeed */
void guest_fini(struct guest *g);
uint16_t peek16(const struct guest *g, uint64_t gpa);
uint32_t peek32(const struct guest *g, uint64_t gpa);
uint64_t peek64(const struct guest *g, uint64_t gpa);
const char *peek_text(const struct guest *g, uint64_t gpa);
bool is_zero(const struct guest *g, uint64_t gpa, uint64_t len);
/* The byte sum that ACPI and MP checksums make 0. */
uint8_t byte_sum(const struct guest *g, uint64_t gpa, uint64_t len);

/* Parses and expects -ENOEXEC with `text` in the reason. */
void expect_refused(
	const struct bytes *file, enum boot_protocol wanted, bool decompress, const char *text);
/* Loads and expects `code`, `text` in the reason and memory in which no page was touched. */
void expect_not_loaded(struct guest *g, int code, const char *text);

extern const struct boot_device test_devices[2];

#endif
