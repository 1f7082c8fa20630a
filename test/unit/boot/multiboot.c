/* SPDX-License-Identifier: Apache-2.0 */
/* What a multiboot guest finds at EBX. */
#include "images.h"

#include <string.h>

enum { MEMORY = 1 << 0, CMDLINE = 1 << 2, MODULES = 1 << 3, MAP = 1 << 6, LOADER = 1 << 9 };

static void init(struct guest *g, uint64_t mib)
{
	static uint8_t data[64];
	struct multiboot_fields f = {0x10003, 0x100010, 0x100000, 0, 0x101000, 0x100030};

	put_multiboot(data + 16, &f);
	guest_init(g, &(struct bytes){data, sizeof data}, BOOT_AUTO, mib);
}

static void entry_state(void **state)
{
	struct guest g;

	(void)state;
	init(&g, 16);
	guest_load(&g);
	assert_int_equal(g.entry.mode, X86_PROT32);
	assert_int_equal(g.entry.rip, 0x100030);
	assert_int_equal(g.entry.rax, 0x2badb002);
	assert_int_equal(peek64(&g, g.entry.gdt_base + g.entry.cs) >> 40, 0x00cf9b);
	assert_int_equal(peek32(&g, 0x100010), 0x1badb002);
	assert_true(is_zero(&g, 0x9000, 0x6000));
	/* IncludeOS: tables in 0x1000-0x2fff, stack down from 0x9d3f0 */
	assert_true(g.entry.rbx >= 0x9d400 && g.entry.rbx < 0xa0000);
	assert_true(is_zero(&g, 0x1000, 0x2000));
	assert_true(is_zero(&g, 0x10000, 0x9d400 - 0x10000));
	guest_fini(&g);
}

static void information(void **state)
{
	uint64_t info, map;
	struct guest g;

	(void)state;
	init(&g, 4096);
	g.config.cmdline = "{ \"net\": 1 }";
	guest_load(&g);
	info = g.entry.rbx;
	assert_int_equal(peek32(&g, info), MEMORY | CMDLINE | MAP | LOADER);
	assert_int_equal(peek32(&g, info + 4), 639);
	assert_int_equal(peek32(&g, info + 8), (0xc0000000 - 0x100000) >> 10);
	/* the first word is the kernel's name: Solo5 drops it */
	assert_string_equal(peek_text(&g, peek32(&g, info + 16)), "kernel { \"net\": 1 }");
	assert_string_equal(peek_text(&g, peek32(&g, info + 64)), "ukvmm");
	assert_int_equal(peek32(&g, info + 44), 3 * 24);
	map = peek32(&g, info + 48);
	for (uint64_t i = 0; i < 3; i++) {
		static const uint64_t range[3][2] = {
			{0, 0x9fc00}, {0x100000, 0xbff00000}, {1ull << 32, 1 << 30}};

		assert_int_equal(peek32(&g, map + i * 24), 20);
		assert_int_equal(
			peek64(&g, map + i * 24 + 4), range[i][0]); /* one exactly at 1 MiB */
		assert_int_equal(peek64(&g, map + i * 24 + 12), range[i][1]);
		assert_int_equal(peek32(&g, map + i * 24 + 20), 1);
	}
	guest_fini(&g);
}

static void command_line_without_text(void **state)
{
	struct guest g;

	(void)state;
	init(&g, 16);
	guest_load(&g);
	assert_string_equal(peek_text(&g, peek32(&g, g.entry.rbx + 16)), "kernel");
	g.config.device = test_devices;
	g.config.devices = 1;
	guest_fini(&g);
	init(&g, 16);
	g.config.device = test_devices;
	g.config.devices = 1;
	g.config.cmdline = "-- x";
	guest_load(&g);
	assert_string_equal(peek_text(&g, peek32(&g, g.entry.rbx + 16)),
		"kernel virtio_mmio.device=4K@0xd0000000:5 -- x");
	guest_fini(&g);
}

static void modules(void **state)
{
	static uint8_t data[2][5000] = {"app", "second"};
	const struct boot_module module[2] = {{data[0], 5000, NULL}, {data[1], 100, "second text"}};
	uint64_t list;
	struct guest g;

	(void)state;
	init(&g, 16);
	g.config.module = module;
	g.config.modules = 2;
	guest_load(&g);
	assert_true(peek32(&g, g.entry.rbx) & MODULES);
	assert_int_equal(peek32(&g, g.entry.rbx + 20), 2);
	list = peek32(&g, g.entry.rbx + 24);
	assert_int_equal(peek32(&g, list), ((g.image.high + 0xfff) & ~0xfffull) + 0x1000);
	assert_int_equal(peek32(&g, list + 4), peek32(&g, list) + 5000);
	assert_string_equal(peek_text(&g, peek32(&g, list + 8)), "");
	assert_string_equal(peek_text(&g, peek32(&g, list)), "app");
	assert_int_equal(peek32(&g, list + 16), peek32(&g, list) + 0x2000);
	assert_int_equal(peek32(&g, list + 20) - peek32(&g, list + 16), 100);
	assert_string_equal(peek_text(&g, peek32(&g, list + 24)), "second text");
	assert_string_equal(peek_text(&g, peek32(&g, list + 16)), "second");
	guest_fini(&g);
}

static void acpi_is_where_it_is_looked_for(void **state)
{
	struct guest g;

	(void)state;
	init(&g, 16);
	guest_load(&g);
	assert_memory_equal(mem_ptr(&g.mem, 0xe0000, 8), "RSD PTR ", 8);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_state),
		cmocka_unit_test(information),
		cmocka_unit_test(command_line_without_text),
		cmocka_unit_test(modules),
		cmocka_unit_test(acpi_is_where_it_is_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
