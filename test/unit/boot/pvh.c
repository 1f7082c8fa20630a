/* SPDX-License-Identifier: Apache-2.0 */
/* What a PVH guest finds at RBX (start_info version 1). */
#include "images.h"

#include <string.h>

static struct bytes pvh_file(void)
{
	uint64_t entry = 0x100004;
	struct bytes note = make_note("Xen", 18, &entry, 8), file = make_noted(0x100000, &note);

	bytes_free(&note);
	return file;
}

static void entry_state(void **state)
{
	struct bytes file = pvh_file();
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_PVH, 16);
	guest_load(&g);
	assert_int_equal(g.entry.mode, X86_PROT32);
	assert_int_equal(g.entry.rip, 0x100004);
	assert_int_equal(peek32(&g, g.entry.rbx), 0x336ec578);
	assert_int_equal(
		peek64(&g, g.entry.gdt_base + g.entry.cs) >> 40, 0x00cf9b); /* flat 32-bit code */
	assert_int_equal(peek64(&g, g.entry.gdt_base + g.entry.ds) >> 40, 0x00cf93);
	assert_int_equal(g.entry.cr3, 0);
	assert_true(is_zero(&g, 0x9000, 0x6000)); /* no page tables: it does not use them */
	guest_fini(&g);
	bytes_free(&file);
}

static void start_info(void **state)
{
	struct bytes file = pvh_file();
	uint64_t info, map;
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_PVH, 4096);
	g.config.cmdline = "quiet";
	g.config.device = test_devices;
	g.config.devices = 1;
	guest_load(&g);
	info = g.entry.rbx;
	assert_int_equal(peek32(&g, info + 4), 1); /* version */
	assert_int_equal(peek32(&g, info + 8), 0);
	assert_int_equal(peek32(&g, info + 12), 0); /* modules */
	assert_int_equal(peek64(&g, info + 16), 0);
	assert_string_equal(
		peek_text(&g, peek64(&g, info + 24)), "quiet virtio_mmio.device=4K@0xd0000000:5");
	assert_int_equal(peek64(&g, info + 32), 0xe0000); /* rsdp */
	map = peek64(&g, info + 40);
	assert_int_equal(peek32(&g, info + 48), 3);
	assert_true(map + 3 * 24 <= 0x200000); /* Nanos maps that much */
	assert_int_equal(peek64(&g, map), 0);
	assert_int_equal(peek64(&g, map + 8), 0x9fc00);
	assert_int_equal(peek64(&g, map + 24), 0x100000);
	assert_int_equal(peek64(&g, map + 32), 0xc0000000 - 0x100000);
	assert_int_equal(peek64(&g, map + 48), 0x100000000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(peek64(&g, map + (uint64_t)i * 24 + 16), 1);
	guest_fini(&g);
	bytes_free(&file);
}

static void modules(void **state)
{
	static uint8_t data[2][5000] = {"initrd", "second"};
	const struct boot_module module[2] = {
		{data[0], 5000, NULL}, {data[1], 100, "second module"}};
	struct bytes file = pvh_file();
	uint64_t list;
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_PVH, 16);
	g.config.module = module;
	g.config.modules = 2;
	guest_load(&g);
	assert_int_equal(peek32(&g, g.entry.rbx + 12), 2);
	list = peek64(&g, g.entry.rbx + 16);
	assert_int_equal(peek64(&g, list), 0x1000000 - 0x2000);
	assert_int_equal(peek64(&g, list + 8), 5000);
	assert_int_equal(peek64(&g, list + 16), 0);
	assert_string_equal(peek_text(&g, peek64(&g, list)), "initrd");
	assert_int_equal(peek64(&g, list + 32), 0x1000000 - 0x3000);
	assert_int_equal(peek64(&g, list + 40), 100);
	assert_string_equal(peek_text(&g, peek64(&g, list + 48)), "second module");
	assert_string_equal(peek_text(&g, peek64(&g, list + 32)), "second");
	guest_fini(&g);
	bytes_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_state),
		cmocka_unit_test(start_info),
		cmocka_unit_test(modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
