/* SPDX-License-Identifier: Apache-2.0 */
/* The kept seeds of the fuzzer (test/fuzz/corpus/boot) still are the images that they stand for.
 * `unit-boot-seeds --write` makes them anew. */
#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bytes elf64(void)
{
	struct test_segment s[3] = {
		{.vaddr = 0x40200000, .paddr = 0x200000, .data = "\xf4\xeb\xfd text", .len = 8},
		{.vaddr = 0x40201000, .paddr = 0x201000, .data = "OSv v0.57.0", .len = 12},
		{.vaddr = 0x40202000,
			.paddr = 0x202000,
			.mem_bytes = 0x3000,
			.data = "data",
			.len = 4},
	};

	return make_elf64(0x200000, s, 3);
}

static struct bytes pvh(void)
{
	uint64_t entry = 0x100004;
	struct bytes note = make_note("Xen", 18, &entry, 8),
		     file = make_noted(0xffffffff80100000, &note);

	bytes_free(&note);
	return file;
}

static struct bytes hvt(void)
{
	struct bytes manifest = make_manifest(2), file = make_hvt(2, &manifest);

	bytes_free(&manifest);
	return file;
}

static struct bytes multiboot_elf32(void)
{
	uint8_t text[64] = {0};
	struct test_segment s = {
		.vaddr = 0x80100000, .paddr = 0x100000, .data = text, .len = sizeof text};

	put_multiboot(text + 16, &(struct multiboot_fields){.flags = 3});
	return make_elf32(0x80100030, &s, 1);
}

static struct bytes multiboot_aout(void)
{
	struct multiboot_fields f = {0x10003, 0x200010, 0x200000, 0x200030, 0x208000, 0x200020};
	uint8_t text[64] = {0};
	struct test_segment s = {
		.vaddr = 0x400000, .paddr = 0x400000, .data = text, .len = sizeof text};

	put_multiboot(text + 16, &f);
	return make_elf64(0x400000, &s, 1);
}

/* Loaded at 2 MiB, so that the fuzzer's small guest has room for it. */
static struct bytes low_bzimage(struct bytes (*pack)(const struct bytes *))
{
	struct bytes inner = elf64(), payload = pack(&inner), file = make_bzimage(&payload);

	poke64(&file, 0x258, 0x200000);
	bytes_free(&payload);
	bytes_free(&inner);
	return file;
}

static struct bytes bzimage_lz4(void)
{
	return low_bzimage(pack_lz4);
}

static struct bytes bzimage_xz(void)
{
	return low_bzimage(pack_xz);
}

static const struct {
	const char *name;
	struct bytes (*make)(void);
	enum boot_protocol protocol;
	bool packed;
} seeds[] = {
	{"elf64", elf64, BOOT_LINUX, false},
	{"elf64-plain", make_plain, BOOT_LINUX, false},
	{"pvh", pvh, BOOT_PVH, false},
	{"hvt", hvt, BOOT_HVT, false},
	{"multiboot-elf32", multiboot_elf32, BOOT_MULTIBOOT, false},
	{"multiboot-aout", multiboot_aout, BOOT_MULTIBOOT, false},
	{"bzimage-lz4", bzimage_lz4, BOOT_LINUX, true},
	{"bzimage-xz", bzimage_xz, BOOT_LINUX, true},
};

static FILE *open_seed(const char *name, const char *mode)
{
	char path[512];

	snprintf(path, sizeof path, SEED_DIR "/%s", name);
	return fopen(path, mode);
}

static void kept_seeds_are_what_they_stand_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
		FILE *f = open_seed(seeds[i].name, "rb");
		uint8_t data[16384];
		struct boot_image image;
		size_t len;

		assert_non_null(f);
		len = fread(data, 1, sizeof data, f);
		fclose(f);
		assert_true(len < sizeof data);
		assert_int_equal(
			boot_parse(&image, data, len, BOOT_AUTO, true, seeds[i].name, NULL), 0);
		assert_int_equal(image.protocol, seeds[i].protocol);
		assert_int_equal(image.unpacked != NULL, seeds[i].packed);
		boot_image_fini(&image);
	}
}

static int write_seeds(void)
{
	for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
		struct bytes b = seeds[i].make();
		FILE *f = open_seed(seeds[i].name, "wb");

		if (!f || fwrite(b.data, b.len, 1, f) != 1 || fclose(f))
			return 1;
		bytes_free(&b);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(kept_seeds_are_what_they_stand_for)};

	if (argc > 1 && !strcmp(argv[1], "--write"))
		return write_seeds();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
