/* SPDX-License-Identifier: Apache-2.0 */
/* What an image is taken for, and its entry by each protocol. */
#include "images.h"

#include <elf.h>
#include <string.h>

static struct boot_image parsed(const struct bytes *file, enum boot_protocol wanted)
{
	struct ukvmm_err err = {.size = sizeof err};
	struct boot_image image;

	if (boot_parse(&image, file->data, file->len, wanted, false, "image", &err))
		fail_msg("%s", err.text);
	return image;
}

static void plain_elf64_is_linux(void **state)
{
	struct bytes file = make_plain();
	struct boot_image image = parsed(&file, BOOT_AUTO);

	(void)state;
	assert_int_equal(image.protocol, BOOT_LINUX);
	assert_int_equal(image.format, BOOT_ELF64);
	assert_int_equal(image.entry, 0x100000);
	assert_int_equal(image.segments, 1);
	assert_int_equal(image.segment[0].flags, PF_R | PF_X);
	assert_int_equal(image.low, 0x100000);
	assert_int_equal(image.high, 0x100008);
	assert_int_equal(image.setup_header_len, 0);
	assert_true(image.initrd_max == UINT64_MAX);
	bytes_free(&file);
}

/* OSv: addresses to load at differ from those it is linked to. */
static void elf_is_loaded_by_physical_address(void **state)
{
	struct test_segment s[2] = {
		{.vaddr = 0x40200000, .paddr = 0x200000, .data = "text", .len = 4},
		{.vaddr = 0x40300000,
			.paddr = 0x300000,
			.mem_bytes = 0x5000,
			.data = "data",
			.len = 4},
	};
	struct bytes file = make_elf64(0x200000, s, 2);
	struct boot_image image = parsed(&file, BOOT_AUTO);

	(void)state;
	assert_int_equal(image.segment[1].gpa, 0x300000);
	assert_int_equal(image.segment[1].file_bytes, 4);
	assert_int_equal(image.segment[1].mem_bytes, 0x5000);
	assert_int_equal(image.low, 0x200000);
	assert_int_equal(image.high, 0x305000);
	bytes_free(&file);
}

static void check_pvh(uint32_t desc_bytes)
{
	uint64_t entry = 0x101234;
	struct bytes note = make_note("Xen", 18, &entry, desc_bytes),
		     file = make_noted(0x100000, &note);
	struct boot_image image = parsed(&file, BOOT_AUTO);

	assert_int_equal(image.protocol, BOOT_LINUX); /* only on request */
	assert_true(image.has_pvh);
	assert_int_equal(image.pvh_entry, entry);
	image = parsed(&file, BOOT_PVH);
	assert_int_equal(image.protocol, BOOT_PVH);
	assert_int_equal(image.entry, entry);
	bytes_free(&file);
	bytes_free(&note);
}

static void pvh_note_of_4_bytes(void **state)
{
	(void)state;
	check_pvh(4);
}

static void pvh_note_of_8_bytes(void **state)
{
	(void)state;
	check_pvh(8);
}

static void pvh_where_the_elf_entry_is_not_physical(void **state)
{
	uint64_t entry = 0x100004;
	struct bytes note = make_note("Xen", 18, &entry, 8),
		     file = make_noted(0xffffffff80100000, &note);
	struct boot_image image = parsed(&file, BOOT_AUTO);

	(void)state;
	assert_int_equal(image.protocol, BOOT_PVH);
	assert_int_equal(image.entry, entry);
	bytes_free(&file);
	bytes_free(&note);
}

static void other_notes_are_passed_over(void **state)
{
	uint32_t entry = 0x100000;
	struct bytes other = make_note("GNU", 18, "12345", 5),
		     xen = make_note("Xen", 18, &entry, 4);
	struct bytes both = {test_malloc(other.len + xen.len), other.len + xen.len}, file;

	(void)state;
	memcpy(both.data, other.data, other.len);
	memcpy(both.data + other.len, xen.data, xen.len);
	file = make_noted(0x100000, &both);
	assert_true(parsed(&file, BOOT_AUTO).has_pvh);
	bytes_free(&file);
	file = make_noted(0x100000, &other);
	assert_false(parsed(&file, BOOT_AUTO).has_pvh);
	bytes_free(&file);
	test_free(both.data);
	bytes_free(&xen);
	bytes_free(&other);
}

static void solo5_hvt_note_wins(void **state)
{
	struct bytes file = make_hvt(2, NULL);
	struct boot_image image = parsed(&file, BOOT_AUTO);

	(void)state;
	assert_int_equal(image.protocol, BOOT_HVT);
	assert_true(image.has_hvt);
	assert_string_equal(image.guest, "Solo5 hvt ABI 2");
	bytes_free(&file);
}

static void solo5_for_other_tenders(void **state)
{
	uint32_t abi[4] = {2, 2, 0, 0};
	struct bytes note = make_note("Solo5", 0x31494241, abi, sizeof abi),
		     file = make_noted(0x100000, &note);

	(void)state;
	expect_refused(&file, BOOT_AUTO, false, "Solo5 tender");
	expect_refused(&file, BOOT_HVT, false, "no Solo5 hvt note");
	bytes_free(&file);
	bytes_free(&note);
}

static void bzimage(void **state)
{
	struct bytes payload = {(uint8_t[16]){0x1f, 0x8b}, 16}, file = make_bzimage(&payload);
	struct boot_image image = parsed(&file, BOOT_AUTO);

	(void)state;
	assert_int_equal(image.protocol, BOOT_LINUX);
	assert_int_equal(image.format, BOOT_BZIMAGE);
	assert_int_equal(image.entry, 0x1000200);
	assert_int_equal(image.low, 0x1000000);
	assert_int_equal(image.high, 0x1100000);
	assert_int_equal(image.segment[0].offset, 1024);
	assert_int_equal(image.segment[0].file_bytes, 1024 + 16);
	assert_int_equal(image.cmdline_max, 2047);
	assert_int_equal(image.initrd_max, 0x7fffffff);
	assert_int_equal(image.setup_header_len, 0x26c - 0x1f1);
	assert_memory_equal(image.setup_header, file.data + 0x1f1, image.setup_header_len);
	assert_string_equal(image.guest, "Linux 6.1.0-test");
	bytes_free(&file);
}

static void bzimage_without_preferred_address_goes_to_its_alignment(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);

	(void)state;
	poke64(&file, 0x258, 0);
	assert_int_equal(parsed(&file, BOOT_AUTO).entry, 0x200200);
	file.data[0x234] = 0;
	expect_refused(&file, BOOT_AUTO, false, "cannot move");
	bytes_free(&file);
}

static void bzimage_may_end_inside_its_last_paragraph(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);

	(void)state;
	file.len -= 15;
	assert_int_equal(parsed(&file, BOOT_AUTO).segment[0].file_bytes, 1024 + 1);
	file.len--;
	expect_refused(&file, BOOT_AUTO, false, "truncated");
	bytes_free(&file);
}

static void bzimage_initrd_limit_is_lifted_above_4g(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);

	(void)state;
	poke16(&file, 0x236, 3);
	assert_true(parsed(&file, BOOT_AUTO).initrd_max == UINT64_MAX);
	bytes_free(&file);
}

static void multiboot_elf(void **state)
{
	uint8_t text[64] = {0};
	struct test_segment s = {
		.vaddr = 0x80100000, .paddr = 0x100000, .data = text, .len = sizeof text};
	struct boot_image image;
	struct bytes file;

	(void)state;
	put_multiboot(text + 16, &(struct multiboot_fields){.flags = 3});
	file = make_elf32(0x100010, &s, 1);
	image = parsed(&file, BOOT_AUTO);
	assert_int_equal(image.protocol, BOOT_MULTIBOOT);
	assert_int_equal(image.format, BOOT_ELF32);
	assert_int_equal(image.entry, 0x100010);
	assert_int_equal(image.multiboot_flags, 3);
	bytes_free(&file);

	file = make_elf64(0x80100020, &s, 1); /* entry as linked: translated */
	image = parsed(&file, BOOT_AUTO);
	assert_int_equal(image.protocol, BOOT_MULTIBOOT);
	assert_int_equal(image.format, BOOT_ELF64);
	assert_int_equal(image.entry, 0x100020);
	bytes_free(&file);
}

static void multiboot_address_fields_win_over_elf(void **state)
{
	uint8_t text[64] = {0};
	struct test_segment s = {
		.vaddr = 0x400000, .paddr = 0x400000, .data = text, .len = sizeof text};
	struct multiboot_fields f = {0x10003, 0x200010, 0x200000, 0x200030, 0x208000, 0x200020};
	struct boot_image image;
	struct bytes file;

	(void)state;
	put_multiboot(text + 16, &f);
	file = make_elf64(0x400000, &s, 1);
	image = parsed(&file, BOOT_AUTO);
	assert_int_equal(image.format, BOOT_AOUT);
	assert_int_equal(image.entry, 0x200020);
	assert_int_equal(image.segments, 1);
	assert_int_equal(image.segment[0].offset, 128); /* where the ELF segment is in the file */
	assert_int_equal(image.segment[0].file_bytes, 0x30);
	assert_int_equal(image.segment[0].gpa, 0x200000);
	assert_int_equal(image.segment[0].mem_bytes, 0x8000);
	assert_int_equal(parsed(&file, BOOT_LINUX).format, BOOT_ELF64); /* when asked for */
	poke16(&file, 18, EM_ARM); /* the ELF headers do not matter then */
	assert_int_equal(parsed(&file, BOOT_AUTO).format, BOOT_AOUT);
	bytes_free(&file);
}

static void multiboot_flat_file_to_its_end(void **state)
{
	uint8_t text[64] = {0};
	struct multiboot_fields f = {0x10000, 0x100008, 0x100000, 0, 0, 0x100028};
	struct bytes file = {text, sizeof text};
	struct boot_image image;

	(void)state;
	put_multiboot(text + 8, &f);
	image = parsed(&file, BOOT_AUTO);
	assert_int_equal(image.segment[0].offset, 0);
	assert_int_equal(image.segment[0].file_bytes, 64);
	assert_int_equal(image.segment[0].mem_bytes, 64);
}

static void guests_are_named(void **state)
{
	static const char *const text[][2] = {{"OSv v0.57.0", "OSv 0.57.0"},
		{"Linux version 6.1.0 (x@y)", "Linux 6.1.0"}, {"nodename nanovms", "Nanos"},
		{"gitversion: %s", "Nanos"},
		{"gitversion: %s\n\t0123456789abcdef0123456789abcdef01234567,", "Nanos 0123456789ab"},
		{"gitversion: %s\n\t0123456789abcdef0123456789abcdef01234567", "Nanos 0123456789ab"},
		{"gitversion: %s\n\t0123456789abcdef0123456789abcdef012345678,", "Nanos"},
		{"0123456789abcdef0123456789abcdef01234567,", ""},
		{"Linux version %s", ""}, {".uk_ctortab", "Unikraft"},
		{".uk_inittab: Unikraft (%s); Unikraft Telesto 0.16.3~e453b74a", "Unikraft Telesto 0.16.3~e453b74a"},
		{"Unikraft Telesto 0.16.3", ""}, {".uk_ctortab Unikraft Telesto", "Unikraft"},
		{"hermit_loader::main", "Hermit loader"}, {"hello", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		struct test_segment s = {
			.paddr = 0x100000, .data = text[i][0], .len = strlen(text[i][0])};
		struct bytes file = make_elf64(0x100000, &s, 1);
		struct boot_image image = parsed(&file, BOOT_AUTO);

		assert_string_equal(image.guest, text[i][1]);
		assert_int_equal(image.cmdline_max, strncmp(image.guest, "Linux", 5) ? 0 : 2047);
		bytes_free(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_elf64_is_linux),
		cmocka_unit_test(elf_is_loaded_by_physical_address),
		cmocka_unit_test(pvh_note_of_4_bytes),
		cmocka_unit_test(pvh_note_of_8_bytes),
		cmocka_unit_test(pvh_where_the_elf_entry_is_not_physical),
		cmocka_unit_test(other_notes_are_passed_over),
		cmocka_unit_test(solo5_hvt_note_wins),
		cmocka_unit_test(solo5_for_other_tenders),
		cmocka_unit_test(bzimage),
		cmocka_unit_test(bzimage_without_preferred_address_goes_to_its_alignment),
		cmocka_unit_test(bzimage_may_end_inside_its_last_paragraph),
		cmocka_unit_test(bzimage_initrd_limit_is_lifted_above_4g),
		cmocka_unit_test(multiboot_elf),
		cmocka_unit_test(multiboot_address_fields_win_over_elf),
		cmocka_unit_test(multiboot_flat_file_to_its_end),
		cmocka_unit_test(guests_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
