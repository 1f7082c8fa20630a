/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest of the 64-bit Linux protocol finds: registers, tables, zero page, and what must be
 * left free. */
#include "images.h"

#include <libfdt.h>
#include <string.h>

#include "x86_map.h"

enum { ZERO_PAGE = 0x7000, SETUP_RNG_SEED = 9, SETUP_DTB = 2 };

static void plain(struct guest *g, uint64_t mib)
{
	static uint8_t kept[4096]; /* the image points into it */
	struct bytes file = make_plain();

	memcpy(kept, file.data, file.len);
	guest_init(g, &(struct bytes){kept, file.len}, BOOT_AUTO, mib);
	bytes_free(&file);
}

static void entry_state(void **state)
{
	struct guest g;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	assert_int_equal(g.entry.mode, X86_LONG);
	assert_int_equal(g.entry.rip, 0x100000);
	assert_int_equal(g.entry.rsi, ZERO_PAGE);
	assert_int_equal(g.entry.cs, 0x08); /* Hermit */
	assert_int_equal(g.entry.ds, 0x10);
	assert_int_equal(g.entry.tr, 0x18);
	assert_true(g.entry.rsp >= 0x3000 && g.entry.rsp < 0x9fc00 && g.entry.rsp % 16 == 0);
	assert_memory_equal(mem_ptr(&g.mem, 0x100000, 8), "\xf4\xeb\xfd code", 8);
	guest_fini(&g);
}

static void descriptors_match_the_selectors(void **state)
{
	struct guest g;
	uint64_t cs, ds, tr;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	assert_int_equal(peek64(&g, g.entry.gdt_base), 0);
	cs = peek64(&g, g.entry.gdt_base + g.entry.cs);
	ds = peek64(&g, g.entry.gdt_base + g.entry.ds);
	tr = peek64(&g, g.entry.gdt_base + g.entry.tr);
	assert_int_equal(cs >> 40 & 0xff, 0x9b); /* present code, readable, accessed */
	assert_int_equal(cs >> 52 & 0xf, 0xa);	 /* 4 KiB granularity, long */
	assert_int_equal(ds >> 40 & 0xff, 0x93);
	assert_int_equal(ds >> 52 & 0xf, 0xc);
	assert_int_equal(tr >> 40 & 0xff, 0x8b); /* busy TSS */
	assert_int_equal(tr & 0xffff, 0x67);
	assert_int_equal(g.entry.gdt_limit, g.entry.tr + 16 - 1);
	guest_fini(&g);
}

/* One GiB is mapped to itself in pages of 2 MiB, with nothing behind the next ones but what `mapped` says. */
static void expect_gibs(struct guest *g, const bool mapped[4])
{
	uint64_t pml4e = peek64(g, g->entry.cr3), pdpt = pml4e & ~0xfffull;

	assert_int_equal(pml4e & 0xfff, 3);
	assert_true(is_zero(g, g->entry.cr3 + 8, 4096 - 8));
	for (uint64_t gib = 0; gib < 4; gib++) {
		uint64_t pdpte = peek64(g, pdpt + gib * 8);

		assert_int_equal(pdpte & 0xfff, mapped[gib] ? 3 : 0); /* never a 1 GiB page */
		for (uint64_t i = 0; mapped[gib] && i < 512; i++)
			assert_int_equal(peek64(g, (pdpte & ~0xfffull) + i * 8), gib << 30 | i << 21 | 0x83);
	}
	assert_true(is_zero(g, pdpt + 32, 4096 - 32));
}

static void page_tables_map_1g_to_itself_in_2m_pages(void **state)
{
	struct guest g;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	expect_gibs(&g, (bool[4]){true});
	guest_fini(&g);
}

/* One that lies across 2 GiB can run where it is. */
static void page_tables_map_where_the_image_is(void **state)
{
	const struct test_segment s = {0, 0x7ffff000, 0x7ffff000, 0x2000, "\xf4", 1};
	struct bytes file = make_elf64(0x7ffff000, &s, 1);
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 2560);
	guest_load(&g);
	expect_gibs(&g, (bool[4]){true, true, true});
	guest_fini(&g);
	bytes_free(&file);
}

static void zero_page_of_an_elf_kernel(void **state)
{
	struct guest g;
	uint32_t cmdline;

	(void)state;
	plain(&g, 16);
	g.config.cmdline = "hello -- world";
	g.config.device = test_devices;
	g.config.devices = 1;
	guest_load(&g);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x1fe), 0xaa55);
	assert_memory_equal(mem_ptr(&g.mem, ZERO_PAGE + 0x202, 4), "HdrS", 4);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x210) & 0xff, 0xff);
	assert_int_equal(peek64(&g, ZERO_PAGE + 0x70), 0xe0000);
	cmdline = peek32(&g, ZERO_PAGE + 0x228);
	assert_int_equal(cmdline % 4096, 0); /* Hermit */
	assert_string_equal(
		peek_text(&g, cmdline), "hello virtio_mmio.device=4K@0xd0000000:5 -- world");
	assert_int_equal(peek32(&g, ZERO_PAGE + 0x238), strlen(peek_text(&g, cmdline)) + 1);
	assert_int_equal(peek64(&g, ZERO_PAGE + 0x218), 0);	   /* no initrd */
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x1ef) & 0xff, 0); /* sentinel */
	guest_fini(&g);
}

static void e820_has_ram_only(void **state)
{
	struct guest g;
	uint64_t e = ZERO_PAGE + 0x2d0;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x1e8) & 0xff, 2);
	assert_int_equal(peek64(&g, e), 0);
	assert_int_equal(peek64(&g, e + 8), 0x9fc00);
	assert_int_equal(peek32(&g, e + 16), 1);
	assert_int_equal(peek64(&g, e + 20), 0x100000);
	assert_int_equal(peek64(&g, e + 28), 0xf00000);
	assert_int_equal(peek32(&g, e + 36), 1);
	assert_true(is_zero(&g, e + 40, 0x1000 - 0x2d0 - 40));
	guest_fini(&g);
}

static void ram_above_the_gap_is_a_third_entry(void **state)
{
	struct guest g;
	uint64_t e = ZERO_PAGE + 0x2d0 + 40;

	(void)state;
	plain(&g, 4096);
	guest_load(&g);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x1e8) & 0xff, 3);
	assert_int_equal(peek64(&g, e - 20 + 8), 0xc0000000 - 0x100000);
	assert_int_equal(peek64(&g, e), 0x100000000);
	assert_int_equal(peek64(&g, e + 8), 0x40000000);
	guest_fini(&g);
}

/* OSv and IncludeOS overwrite 0x1000-0x2fff; Nanos grows a table down from 0x7daa and builds page
 * tables at 0xfd000; 0x8000 is for AP trampolines. */
static void what_guests_use_early_is_free_and_zero(void **state)
{
	struct guest g;

	(void)state;
	plain(&g, 16);
	g.config.device = test_devices;
	g.config.devices = 2;
	g.config.vcpus = 254;
	guest_load(&g);
	assert_true(is_zero(&g, 0x1000, 0x2000));
	assert_true(is_zero(&g, 0x7daa - 0x800, 0x800 + 0x256));
	assert_true(is_zero(&g, 0x8000, 0x1000));
	assert_true(is_zero(&g, 0xb8000, 0x1000));
	assert_true(is_zero(&g, 0xfd000, 0x3000));
	guest_fini(&g);
}

static void bios_data_area_names_the_serial_port(void **state)
{
	struct guest g;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	assert_int_equal(peek16(&g, 0x400), 0x3f8);
	assert_int_equal(peek16(&g, 0x463), 0);
	guest_fini(&g);
}

static uint64_t setup_data_of_type(const struct guest *g, uint32_t type)
{
	uint64_t at = peek64(g, ZERO_PAGE + 0x250);

	for (int i = 0; at && i < 8; i++) {
		assert_int_equal(at % 16, 0);
		if (peek32(g, at + 8) == type)
			return at;
		at = peek64(g, at);
	}
	return 0;
}

static void setup_data_has_seed_and_device_tree(void **state)
{
	struct guest g;
	uint64_t seed, dtb;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	seed = setup_data_of_type(&g, SETUP_RNG_SEED);
	assert_true(seed);
	assert_int_equal(peek32(&g, seed + 12), 32);
	assert_memory_equal(mem_ptr(&g.mem, seed + 16, 32), g.config.seed, 32);
	dtb = setup_data_of_type(&g, SETUP_DTB);
	assert_true(dtb);
	assert_int_equal(fdt_check_full(mem_ptr(&g.mem, dtb + 16, 1), peek32(&g, dtb + 12)), 0);
	assert_int_equal(setup_data_of_type(&g, 0), 0); /* and the list ends */
	guest_fini(&g);
}

static void linux_gets_no_device_tree(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 32);
	guest_load(&g);
	assert_true(setup_data_of_type(&g, SETUP_RNG_SEED));
	assert_false(setup_data_of_type(&g, SETUP_DTB));
	guest_fini(&g);
	bytes_free(&file);
}

static void bzimage_keeps_its_header(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 32);
	g.config.cmdline = "ro";
	guest_load(&g);
	assert_int_equal(g.entry.rip, 0x1000200);
	assert_memory_equal(mem_ptr(&g.mem, 0x1000000, 1040), file.data + 1024, 1040);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x206), 0x20f);
	assert_int_equal(peek64(&g, ZERO_PAGE + 0x258), 0x1000000);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x210) & 0xff, 0xff);
	assert_int_equal(peek32(&g, ZERO_PAGE + 0x238), 3);
	assert_int_equal(peek16(&g, ZERO_PAGE + 0x1ef) & 0xff, 0);
	guest_fini(&g);
	bytes_free(&file);
}

static void initrd_lies_page_aligned_at_the_top_of_low_ram(void **state)
{
	static uint8_t initrd[5000] = "an initrd";
	const struct boot_module module = {initrd, sizeof initrd, NULL};
	struct guest g;
	uint32_t at;

	(void)state;
	plain(&g, 4096);
	g.config.module = &module;
	g.config.modules = 1;
	guest_load(&g);
	at = peek32(&g, ZERO_PAGE + 0x218);
	assert_int_equal(at, 0xc0000000 - 0x2000);
	assert_int_equal(peek32(&g, ZERO_PAGE + 0x21c), sizeof initrd);
	assert_memory_equal(mem_ptr(&g.mem, at, sizeof initrd), initrd, sizeof initrd);
	guest_fini(&g);
}

static void initrd_stays_below_the_kernels_limit(void **state)
{
	static uint8_t initrd[5000] = "an initrd";
	const struct boot_module module = {initrd, sizeof initrd, NULL};
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);
	struct guest g;

	(void)state;
	poke32(&file, 0x22c, 0x1ffffff); /* the last byte may be there */
	guest_init(&g, &file, BOOT_AUTO, 64);
	g.config.module = &module;
	g.config.modules = 1;
	guest_load(&g);
	assert_int_equal(peek32(&g, ZERO_PAGE + 0x218), 0x2000000 - 0x2000);
	guest_fini(&g);
	bytes_free(&file);
}

/* A kernel at the top of RAM: the initrd goes into the hole below it. */
static void initrd_goes_below_a_kernel_that_is_in_the_way(void **state)
{
	static uint8_t initrd[5000] = "an initrd";
	const struct boot_module module = {initrd, sizeof initrd, NULL};
	struct test_segment s = {.paddr = 0xfff000, .data = "code", .len = 4};
	struct bytes file = make_elf64(0xfff000, &s, 1);
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 16);
	g.config.module = &module;
	g.config.modules = 1;
	guest_load(&g);
	assert_int_equal(peek32(&g, ZERO_PAGE + 0x218), 0xffd000);
	guest_fini(&g);
	bytes_free(&file);
}

static void without_irqchip_there_is_nothing_to_describe(void **state)
{
	struct guest g;

	(void)state;
	plain(&g, 16);
	g.config.irqchip = false;
	guest_load(&g);
	assert_int_equal(peek64(&g, ZERO_PAGE + 0x70), 0);
	assert_true(is_zero(&g, 0x9fc00, 0x100000 - 0x9fc00));
	assert_true(setup_data_of_type(&g, SETUP_DTB));
	guest_fini(&g);
}

/* Each first touch of a page costs microseconds in every VM. */
static void few_pages_are_touched(void **state)
{
	struct guest g;

	(void)state;
	plain(&g, 16);
	guest_load(&g);
	assert_true(mem_resident(&g.mem) <= 12 * 4096);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_state),
		cmocka_unit_test(descriptors_match_the_selectors),
		cmocka_unit_test(page_tables_map_1g_to_itself_in_2m_pages),
		cmocka_unit_test(page_tables_map_where_the_image_is),
		cmocka_unit_test(zero_page_of_an_elf_kernel),
		cmocka_unit_test(e820_has_ram_only),
		cmocka_unit_test(ram_above_the_gap_is_a_third_entry),
		cmocka_unit_test(what_guests_use_early_is_free_and_zero),
		cmocka_unit_test(bios_data_area_names_the_serial_port),
		cmocka_unit_test(setup_data_has_seed_and_device_tree),
		cmocka_unit_test(linux_gets_no_device_tree),
		cmocka_unit_test(bzimage_keeps_its_header),
		cmocka_unit_test(initrd_lies_page_aligned_at_the_top_of_low_ram),
		cmocka_unit_test(initrd_stays_below_the_kernels_limit),
		cmocka_unit_test(initrd_goes_below_a_kernel_that_is_in_the_way),
		cmocka_unit_test(without_irqchip_there_is_nothing_to_describe),
		cmocka_unit_test(few_pages_are_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
