/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile and unsuitable files: each is refused with its reason. */
#include "images.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PHDR = sizeof(Elf64_Ehdr), OFFSET = 8, PADDR = 24, FILESZ = 32, MEMSZ = 40 };

static void refuse64(uint64_t off, uint64_t value, const char *text)
{
	struct bytes file = make_plain();

	poke64(&file, off, value);
	expect_refused(&file, BOOT_AUTO, false, text);
	bytes_free(&file);
}

static void refuse16(uint64_t off, uint16_t value, const char *text)
{
	struct bytes file = make_plain();

	poke16(&file, off, value);
	expect_refused(&file, BOOT_AUTO, false, text);
	bytes_free(&file);
}

static void elf_segment_values(void **state)
{
	(void)state;
	refuse64(PHDR + OFFSET, 0x10000, "file bytes 0x10000 + 0x8, the file has 0x90: truncated");
	refuse64(PHDR + OFFSET, UINT64_MAX, "truncated");
	refuse64(PHDR + FILESZ, UINT64_MAX, "truncated");
	refuse64(PHDR + FILESZ, UINT64_MAX - 127, "truncated"); /* offset + size is 0 */
	refuse64(PHDR + MEMSZ, 7, "more bytes in the file (0x8) than in memory (0x7)");
	refuse64(PHDR + MEMSZ, UINT64_MAX, "wraps");
	refuse64(PHDR + PADDR, UINT64_MAX, "wraps");
	refuse64(PHDR + PADDR, UINT64_MAX - 7, "wraps");
	refuse64(PHDR + PADDR, 0x200000, "entry 0x100000 is in none of its segments");
}

static void elf_header_values(void **state)
{
	(void)state;
	refuse16(EI_CLASS, 0x0103, "class 3");
	refuse16(EI_DATA, 0x0102, "byte order 2");
	refuse16(16, ET_REL, "type 1 is not an executable");
	refuse16(18, EM_AARCH64, "arm64");
	refuse16(18, EM_386, "machine 3");
	refuse16(54, 55, "program headers of 55 bytes");
	refuse16(56, PN_XNUM, "malformed");
	refuse16(56, 0, "without anything to load");
	refuse16(56, 1000, "lie outside of the file");
	refuse64(32, UINT64_MAX, "lie outside of the file");
	refuse64(24, 0x100008, "entry 0x100008 is in none");
	refuse64(24, UINT64_MAX, "is in none");
}

/* 60,000 headers that each name the same 4 MiB of empty notes: looked through once, else it takes many minutes. */
static void elf_notes_named_over_and_over(void **state)
{
	enum { NOTES = 60000, BYTES = 4 << 20, SECONDS = 100 };
	const uint64_t headers = PHDR + (NOTES + 1ull) * sizeof(Elf64_Phdr);
	struct bytes plain = make_plain(), file = {calloc(1, headers + 8 + BYTES), headers + 8 + BYTES};
	struct boot_image image;

	(void)state;
	memcpy(file.data, plain.data, PHDR + sizeof(Elf64_Phdr));
	memcpy(file.data + headers, plain.data + PHDR + sizeof(Elf64_Phdr), 8);
	poke16(&file, 56, NOTES + 1);
	poke64(&file, PHDR + OFFSET, headers);
	for (uint64_t i = 1; i <= NOTES; i++) {
		const Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = headers + 8, .p_filesz = BYTES};

		memcpy(file.data + PHDR + i * sizeof note, &note, sizeof note);
	}
	alarm(SECONDS);
	assert_int_equal(boot_parse(&image, file.data, file.len, BOOT_AUTO, false, "notes", NULL), 0);
	alarm(0);
	boot_image_fini(&image);
	bytes_free(&file);
	bytes_free(&plain);
}

static void elf_cut_off_anywhere(void **state)
{
	struct bytes file = make_plain();

	(void)state;
	/* each length in its own allocation, so that a sanitizer sees reads past the end */
	for (uint64_t len = 0; len < file.len - 8 /* padding */; len++) {
		struct bytes part = {malloc(len + !len), len};

		memcpy(part.data, file.data, len);
		expect_refused(&part, BOOT_AUTO, false, "");
		free(part.data);
	}
	bytes_free(&file);
}

static void elf_overlapping_segments(void **state)
{
	struct test_segment s[2] = {
		{.paddr = 0x100000, .data = "12345678", .len = 8},
		{.paddr = 0x100007, .data = "12345678", .len = 8},
	};
	struct bytes file = make_elf64(0x100000, s, 2);

	(void)state;
	expect_refused(
		&file, BOOT_AUTO, false, "segments overlap: 0x100000 + 0x8 and 0x100007 + 0x8");
	bytes_free(&file);
}

static void elf_too_many_segments(void **state)
{
	struct test_segment s[BOOT_SEGMENTS + 1] = {0};
	struct bytes file;

	(void)state;
	for (uint32_t i = 0; i <= BOOT_SEGMENTS; i++)
		s[i] = (struct test_segment){.paddr = 0x100000 + i * 16, .data = "x", .len = 1};
	file = make_elf64(0x100000, s, BOOT_SEGMENTS + 1);
	expect_refused(&file, BOOT_AUTO, false, "more than 64 segments");
	bytes_free(&file);
}

static void elf_programs_of_an_operating_system(void **state)
{
	struct test_segment s[2] = {
		{.paddr = 0x100000, .data = "12345678", .len = 8},
		{.type = PT_INTERP, .data = "/lib/ld.so", .len = 11},
	};
	struct bytes file = make_elf64(0x100000, s, 2), file32 = make_elf32(0x100000, s, 1);

	(void)state;
	poke16(&file, 16, ET_DYN);
	expect_refused(&file, BOOT_AUTO, false, "dynamically linked program");
	expect_refused(&file32, BOOT_AUTO, false, "32-bit ELF");
	expect_refused(&file, BOOT_PVH, false, "no PVH note");
	expect_refused(&file, BOOT_HVT, false, "no Solo5 hvt note");
	expect_refused(&file, BOOT_MULTIBOOT, false, "no multiboot header");
	bytes_free(&file);
	bytes_free(&file32);
}

static void malformed_notes_are_no_notes(void **state)
{
	static const struct {
		uint32_t off, value;
	} bad[] = {{0, UINT32_MAX}, {4, UINT32_MAX}, {4, UINT32_MAX - 3}, {4, 1}, {0, 100}, {0, 3}};
	uint64_t entry = 0x100000;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct bytes note = make_note("Xen", 18, &entry, 8), file;

		poke32(&note, bad[i].off, bad[i].value);
		file = make_noted(0x100000, &note);
		expect_refused(&file, BOOT_PVH, false, "no PVH note");
		bytes_free(&file);
		bytes_free(&note);
	}
}

static void entries_above_4g(void **state)
{
	uint64_t entry = 0x200000000;
	struct bytes note = make_note("Xen", 18, &entry, 8), file;
	struct test_segment s[2] = {
		{.paddr = entry, .data = "12345678", .len = 8},
		{.type = PT_NOTE, .data = note.data, .len = note.len},
	};

	(void)state;
	file = make_elf64(entry, s, 2);
	expect_refused(&file, BOOT_PVH, false, "entry 0x200000000 is above 4 GiB");
	expect_refused(&file, BOOT_LINUX, false, "entry 0x200000000 is above 4 GiB");
	bytes_free(&file);
	bytes_free(&note);
}

static void pvh_entry_outside(void **state)
{
	uint64_t entry = 0x500000;
	struct bytes note = make_note("Xen", 18, &entry, 8), file = make_noted(0x100000, &note);

	(void)state;
	expect_refused(&file, BOOT_PVH, false, "entry 0x500000 is in none of its segments");
	bytes_free(&file);
	bytes_free(&note);
}

static void refuse_bzimage(uint64_t off, uint64_t value, unsigned int bytes, const char *text)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);

	if (bytes == 2)
		poke16(&file, off, (uint16_t)value);
	else if (bytes == 4)
		poke32(&file, off, (uint32_t)value);
	else
		poke64(&file, off, value);
	expect_refused(&file, BOOT_AUTO, false, text);
	bytes_free(&file);
}

static void bzimage_values(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);

	(void)state;
	refuse_bzimage(0x206, 0x20b, 2, "protocol 2.11 has no 64-bit entry");
	refuse_bzimage(0x236, 0, 2, "32-bit kernel");
	refuse_bzimage(0x1f4, UINT32_MAX, 4, "truncated");
	refuse_bzimage(0x1f4, 0, 4, "truncated");
	refuse_bzimage(0x1f4, 0x20, 4, "malformed"); /* shorter than its entry */
	refuse_bzimage(0x260, 0x100, 4, "says that it needs 0x100");
	refuse_bzimage(0x258, UINT64_MAX, 8, "wraps");
	refuse_bzimage(0x1f0, 0xff00, 2, "truncated"); /* 255 setup sectors */
	expect_refused(&file, BOOT_PVH, false, "has no PVH entry");
	expect_refused(&file, BOOT_MULTIBOOT, false, "no multiboot header");
	file.len = 0x250;
	expect_refused(&file, BOOT_AUTO, false, "cut off inside its header");
	bytes_free(&file);
}

static void refuse_multiboot(const struct multiboot_fields *f, const char *text)
{
	uint8_t data[64] = {0};
	struct bytes file = {data, sizeof data};

	put_multiboot(data + 16, f);
	expect_refused(&file, BOOT_AUTO, false, text);
}

static void multiboot_values(void **state)
{
	/* the header is at offset 16 of a file of 64 bytes */
	static const struct {
		struct multiboot_fields f;
		const char *text;
	} bad[] = {
		{{0x10000, 0x100010, 0x100011, 0, 0, 0}, "outside of the file"},
		{{0x10000, 0x100011, 0x100000, 0, 0, 0}, "outside of the file"},
		{{0x10000, 0x100010, 0x100000, 0xfffff, 0, 0}, "run backwards"},
		{{0x10000, 0x100010, 0x100000, 0x100041, 0, 0}, "truncated"},
		{{0x10000, 0x100010, 0x100000, 0xffffffff, 0, 0}, "truncated"},
		{{0x10000, 0x100010, 0x100000, 0, 0x10003f, 0}, "before what is loaded"},
		{{0x10000, 0x100010, 0x100000, 0, 0xfffff, 0}, "before what is loaded"},
		{{0x10000, 0x100010, 0x100000, 0, 0, 0x100040}, "entry 0x100040 is in none"},
		{{0x10000, 0x100010, 0x100000, 0x100000, 0, 0x100000}, "is in none"},
		{{0x10008, 0x100010, 0x100000, 0, 0, 0x100000}, "unknown features"},
		{{3, 0, 0, 0, 0, 0}, "neither an ELF file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		refuse_multiboot(&bad[i].f, bad[i].text);
}

static void multiboot_header_place(void **state)
{
	uint8_t data[16384] = {0};
	struct bytes file = {data, sizeof data};
	struct multiboot_fields f = {0x10000, 0x100000, 0x100000, 0, 0, 0x100000};

	(void)state;
	put_multiboot(data + 8192, &f); /* past the first 8 KiB */
	expect_refused(&file, BOOT_AUTO, false, "without a multiboot header");
	memset(data, 0, sizeof data);
	put_multiboot(data + 6, &f); /* not aligned */
	expect_refused(&file, BOOT_AUTO, false, "without a multiboot header");
	memset(data, 0, sizeof data);
	put_multiboot(data + 4, &f);
	data[12] ^= 1; /* checksum */
	expect_refused(&file, BOOT_AUTO, false, "without a multiboot header");
	data[12] ^= 1;
	file.len = 30; /* its address fields are cut off */
	expect_refused(&file, BOOT_AUTO, false, "without a multiboot header");
}

static void files_of_other_kinds(void **state)
{
	static const struct {
		const char *data;
		uint64_t len;
		const char *text;
	} kinds[] = {
		{"", 0, "empty"},
		{"#!/bin/sh\n", 10, "script"},
		{"\x1f\x8b\x08\x00", 4, "gzip"},
		{"\xfd"
		 "7zXZ\0",
			6, "XZ"},
		{"\x28\xb5\x2f\xfd", 4, "zstd"},
		{"QFI\xfb", 4, "qcow2"},
		{"070701000", 9, "cpio"},
		{"MZ\x90\x00", 4, "EFI program"},
		{"hello, world", 12, "neither an ELF file nor a bzImage"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct bytes file = {(uint8_t *)(uintptr_t)kinds[i].data, kinds[i].len};

		expect_refused(&file, BOOT_AUTO, false, kinds[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf_segment_values),
		cmocka_unit_test(elf_header_values),
		cmocka_unit_test(elf_notes_named_over_and_over),
		cmocka_unit_test(elf_cut_off_anywhere),
		cmocka_unit_test(elf_overlapping_segments),
		cmocka_unit_test(elf_too_many_segments),
		cmocka_unit_test(elf_programs_of_an_operating_system),
		cmocka_unit_test(malformed_notes_are_no_notes),
		cmocka_unit_test(entries_above_4g),
		cmocka_unit_test(pvh_entry_outside),
		cmocka_unit_test(bzimage_values),
		cmocka_unit_test(multiboot_values),
		cmocka_unit_test(multiboot_header_place),
		cmocka_unit_test(files_of_other_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
