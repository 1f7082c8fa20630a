/* SPDX-License-Identifier: Apache-2.0 */
/* Solo5 hvt: hostile notes and manifests, and what a guest finds in memory. */
#include "images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "x86_map.h"

enum { ENTRY = 104, FIRST = 8, NAME = 68, TYPE = 68, ATTACHED = 96, TEXT_FLAGS = 64 + 4 };

static void refuse_manifest(const struct bytes *manifest, const char *text)
{
	struct bytes file = make_hvt(2, manifest);

	expect_refused(&file, BOOT_AUTO, false, text);
	bytes_free(&file);
}

static void refuse_poked(uint64_t off, uint32_t value, const char *text)
{
	struct bytes manifest = make_manifest(2);

	poke32(&manifest, off, value);
	refuse_manifest(&manifest, text);
	bytes_free(&manifest);
}

static void manifest_values(void **state)
{
	(void)state;
	refuse_poked(0, 2, "version 2: only 1 is known");
	refuse_poked(4, 0, "0 entries: it has 1 to 64");
	refuse_poked(4, 65, "65 entries: it has 1 to 64");
	refuse_poked(4, UINT32_MAX, "4294967295 entries");
	refuse_poked(4, 2, "of 2 entries has 320 bytes");
	refuse_poked(4, 4, "of 4 entries has 320 bytes");
	refuse_poked(FIRST + TYPE, 1, "does not begin with the reserved entry");
	refuse_poked(FIRST, 'x', "does not begin with the reserved entry");
	refuse_poked(FIRST + ENTRY + TYPE, 3, "device d0 of its Solo5 manifest is of unknown type 0x3");
	refuse_poked(FIRST + ENTRY + TYPE, 1u << 30, "unknown type 0x40000000");
	refuse_poked(FIRST + ENTRY + ATTACHED, 1, "entry 1 of its Solo5 manifest is attached already");
	refuse_poked(FIRST + ENTRY, 0, "entry 1 of its Solo5 manifest has no name");
	refuse_poked(FIRST + ENTRY, 'a' | '/' << 8, "no name of letters and digits");
	refuse_poked(FIRST + 2 * ENTRY, 'd' | '0' << 8, "names device d0 twice");
}

static void name_without_end(void **state)
{
	struct bytes manifest = make_manifest(1);

	(void)state;
	memset(manifest.data + FIRST + ENTRY, 'a', NAME);
	refuse_manifest(&manifest, "no name of letters and digits");
	bytes_free(&manifest);
}

static void manifest_cut_off(void **state)
{
	struct bytes manifest = make_manifest(2);

	(void)state;
	for (; manifest.len; manifest.len--)
		if (manifest.len < 8 + 3 * ENTRY)
			refuse_manifest(&manifest, "Solo5 ");
	refuse_manifest(&manifest, "manifest has no valid size");
	bytes_free(&manifest);
}

/* The note's name size, descriptor size and type are before its name, "Solo5". */
static void refuse_note(uint64_t field, uint32_t value, const char *text)
{
	struct bytes file = make_hvt(2, NULL);
	uint8_t *type = memmem(file.data, file.len, "MFT1", 4);

	assert_non_null(type);
	poke32(&file, (uint64_t)(type - file.data) - 8 + field, value);
	expect_refused(&file, BOOT_AUTO, false, text);
	bytes_free(&file);
}

static void manifest_note_of_a_wrong_size(void **state)
{
	static const uint32_t sizes[] = {0, 1, 4, 11, 0x1000, 0x7fffffff, 0xfffffff0, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		refuse_note(4, sizes[i], "the note of its Solo5 manifest has no valid size");
	refuse_note(0, UINT32_MAX, "without a manifest");
	refuse_note(8, 0, "without a manifest");
}

static void most_entries(void **state)
{
	struct bytes manifest = make_manifest(63), file = make_hvt(2, &manifest);
	struct boot_hvt_entry e;
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 16);
	assert_int_equal(g.image.hvt_entries, 64);
	boot_hvt_entry(&g.image, 2, &e);
	assert_string_equal(e.name, "d1");
	assert_int_equal(e.type, BOOT_HVT_NET);
	guest_fini(&g);
	bytes_free(&file);
	bytes_free(&manifest);
}

static void image_values(void **state)
{
	struct bytes none = make_hvt(0, NULL), later = make_hvt(3, NULL), file = make_hvt(2, NULL);

	(void)state;
	expect_refused(&none, BOOT_AUTO, false, "Solo5 hvt ABI 0: only versions 1 to 2");
	expect_refused(&later, BOOT_AUTO, false, "Solo5 hvt ABI 3: only versions 1 to 2");
	poke32(&file, TEXT_FLAGS, 7);
	expect_refused(&file, BOOT_AUTO, false, "both writable and executable");
	poke32(&file, TEXT_FLAGS, 5);
	poke64(&file, 64 + 24, 0x101000); /* p_paddr */
	expect_refused(&file, BOOT_AUTO, false, "virtual addresses");
	poke64(&file, 64 + 16, 0xff000);
	poke64(&file, 64 + 24, 0xff000);
	expect_refused(&file, BOOT_AUTO, false, "above 1 MiB");
	bytes_free(&none);
	bytes_free(&later);
	bytes_free(&file);
}

static void guest_ready(struct guest *g, const struct bytes *file, uint64_t mib, struct boot_hvt_device *device)
{
	guest_init(g, file, BOOT_AUTO, mib);
	g->config.irqchip = false;
	g->config.tsc_khz = 2000000;
	g->config.hvt_device = device;
}

static void what_the_guest_finds(void **state)
{
	struct boot_hvt_device device[3] = {[1] = {.capacity = 5 << 20, .block_size = 512},
		[2] = {.mtu = 1500, .mac = {2, 3, 4, 5, 6, 7}}};
	struct bytes manifest = make_manifest(2), file = make_hvt(2, &manifest);
	uint64_t mft = 0x10000 + 56;
	struct guest g;

	(void)state;
	poke32(&file, TEXT_FLAGS, 1);
	guest_ready(&g, &file, 17, device);
	g.config.cmdline = "--ip=1 -- x";
	guest_load(&g);
	assert_int_equal(g.entry.rdi, 0x10000);
	assert_int_equal(g.entry.rsp, (16 << 20) - 8);
	assert_int_equal(g.entry.rip, 0x100000);
	assert_true(g.entry.hardened);
	assert_int_equal(peek64(&g, 0x10000), 16 << 20);
	assert_int_equal(peek64(&g, 0x10008), 0x102000);
	assert_int_equal(peek64(&g, 0x10010), 2000000000);
	assert_string_equal(peek_text(&g, peek64(&g, 0x10018)), "--ip=1 -- x");
	assert_int_equal(peek64(&g, 0x10020), mft);
	assert_int_equal(peek64(&g, mft + FIRST + ENTRY + 72), 5 << 20);
	assert_int_equal(peek16(&g, mft + FIRST + ENTRY + 80), 512);
	assert_int_equal(peek16(&g, mft + FIRST + ENTRY + ATTACHED), 1);
	assert_int_equal(peek32(&g, mft + FIRST + 2 * ENTRY + 72), 0x05040302);
	assert_int_equal(peek16(&g, mft + FIRST + 2 * ENTRY + 78), 1500);
	guest_fini(&g);
	bytes_free(&file);
	bytes_free(&manifest);
}

/* The page tables, as the CPU would walk them. */
static uint64_t walk(const struct guest *g, uint64_t addr)
{
	uint64_t mask = 0xffffffffff000, at = g->entry.cr3;

	for (int shift = 39; shift > 12; shift -= 9) {
		uint64_t e = peek64(g, at + (addr >> shift & 511) * 8);

		if (!(e & 1) || e & 0x80)
			return e;
		at = e & mask;
	}
	return peek64(g, at + (addr >> 12 & 511) * 8);
}

static void protections(void **state)
{
	const uint64_t none = 1ull << 63, write = 2, present = 1;
	struct bytes file = make_hvt(2, NULL);
	struct boot_hvt_device device = {0};
	struct guest g;

	(void)state;
	poke32(&file, TEXT_FLAGS, 1);
	guest_ready(&g, &file, 16, &device);
	guest_load(&g);
	assert_int_equal(walk(&g, 0), 0);
	assert_int_equal(walk(&g, 0xffff), 0);
	assert_true(walk(&g, 0x10000) == (0x10000 | present | none));
	assert_true(walk(&g, 0xff000) == (0xff000 | present | none));
	assert_true(walk(&g, 0x101000) == (0x101000 | present | write));
	assert_true(walk(&g, 0x102000) == (0x102000 | present | write | none));
	assert_true(walk(&g, 0x400000) == (0x400000 | present | write | none | 0x80));
	assert_int_equal(walk(&g, 16 << 20), 0);
	guest_fini(&g);
	bytes_free(&file);
}

/* What the host is to hold read-only: whole pages, without those that a segment shares with one that is written. */
static void read_only_pages(void **state)
{
	static const struct {
		struct boot_segment s[3];
		uint64_t gpa, len; /* of segment 0 */
	} c[] = {
		{ {{.gpa = 0x100000, .mem_bytes = 0x1000, .flags = 5}}, 0x100000, 0x1000 },
		{ {{.gpa = 0x100ff0, .mem_bytes = 0x20, .flags = 4}}, 0x100000, 0x2000 },
		{ {{.gpa = 0x100000, .mem_bytes = 0x1000, .flags = 6}}, 0, 0 },
		{ {{.gpa = 0x100000, .mem_bytes = 0x1800, .flags = 5}, {.gpa = 0x101800, .mem_bytes = 8, .flags = 6}},
			0x100000, 0x1000 },
		{ {{.gpa = 0x101800, .mem_bytes = 0x1800, .flags = 5}, {.gpa = 0x100000, .mem_bytes = 0x1008, .flags = 6}},
			0x102000, 0x1000 },
		{ {{.gpa = 0x101800, .mem_bytes = 8, .flags = 5}, {.gpa = 0x101000, .mem_bytes = 8, .flags = 6}}, 0, 0 },
		{ {{.gpa = 0x101800, .mem_bytes = 0x1000, .flags = 5}, {.gpa = 0x101000, .mem_bytes = 8, .flags = 6},
			{.gpa = 0x102900, .mem_bytes = 8, .flags = 6}}, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		struct boot_image image = {.segments = 3};
		uint64_t gpa = 0, len = 0;

		memcpy(image.segment, c[i].s, sizeof c[i].s);
		assert_int_equal(boot_hvt_read_only(&image, 0, &gpa, &len), c[i].len != 0);
		if (c[i].len) {
			assert_int_equal(gpa, c[i].gpa);
			assert_int_equal(len, c[i].len);
		}
	}
}

static void not_loaded(void **state)
{
	struct bytes file = make_hvt(2, NULL);
	struct boot_hvt_device device = {0};
	struct guest g;

	(void)state;
	poke32(&file, TEXT_FLAGS, 1);
	guest_ready(&g, &file, 16, &device);
	g.config.irqchip = true;
	expect_not_loaded(&g, -EINVAL, "no interrupt chip");
	g.config.irqchip = false;
	g.config.tsc_khz = 0;
	expect_not_loaded(&g, -ENOTSUP, "TSC");
	guest_fini(&g);
	poke64(&file, 64 + 40, 16 << 20); /* p_memsz */
	guest_ready(&g, &file, 16, &device);
	expect_not_loaded(&g, -ENOSPC, "at least 18 MiB");
	guest_fini(&g);
	bytes_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_values),
		cmocka_unit_test(name_without_end),
		cmocka_unit_test(manifest_cut_off),
		cmocka_unit_test(manifest_note_of_a_wrong_size),
		cmocka_unit_test(most_entries),
		cmocka_unit_test(image_values),
		cmocka_unit_test(what_the_guest_finds),
		cmocka_unit_test(protections),
		cmocka_unit_test(read_only_pages),
		cmocka_unit_test(not_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
