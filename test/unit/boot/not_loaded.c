/* SPDX-License-Identifier: Apache-2.0 */
/* What does not fit is refused with a reason, before a single byte is written. */
#include "images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "x86_map.h"

static void refuse_segment(uint64_t gpa, uint64_t bytes, int code, const char *text)
{
	struct test_segment s[2] = {
		{.paddr = 0x100000, .data = "code", .len = 4},
		{.paddr = gpa, .mem_bytes = bytes, .data = "data", .len = 4},
	};
	struct bytes file = make_elf64(0x100000, s, 2);
	struct guest g;

	guest_init(&g, &file, BOOT_AUTO, 16);
	g.config.device = test_devices;
	g.config.devices = 2;
	expect_not_loaded(&g, code, text);
	guest_fini(&g);
	bytes_free(&file);
}

static void segments_over_the_tables(void **state)
{
	(void)state;
	refuse_segment(0x53f, 4, -ENOEXEC,
		"segment 1 (0x53f + 0x4) overlaps the BIOS data area and GDT (0 + 0x540)");
	refuse_segment(0x6ffe, 4, -ENOEXEC, "overlaps the zero page (0x7000 + 0x1000)");
	refuse_segment(0x8ff0, 4, -ENOEXEC, "overlaps the boot stack");
	refuse_segment(0x9000, 0x5000, -ENOEXEC, "overlaps the page tables");
	refuse_segment(0x20010, 4, -ENOEXEC, "the command line (0x20000");
	refuse_segment(0x9fd00, 4, -ENOEXEC, "the MP table (0x9fc00");
	refuse_segment(0xe0000, 0x20000, -ENOEXEC, "the ACPI tables (0xe0000");
	refuse_segment(0, 0x100000, -ENOEXEC, "overlaps the BIOS data area");
}

static void segments_outside_of_ram(void **state)
{
	(void)state;
	refuse_segment(0xffffff, 4, -ENOSPC,
		"segment 1 (0xffffff + 0x4) needs at least 17 MiB of RAM, the VM has 16");
	refuse_segment(0x200000, 64 << 20, -ENOSPC, "needs at least 66 MiB");
	refuse_segment(X86_RAM_GAP_START - 1, 4, -ENOEXEC, "lies outside of RAM");
	refuse_segment(X86_VIRTIO_BASE, 4, -ENOEXEC, "lies outside of RAM");
	refuse_segment(
		X86_RAM_GAP_END, 4, -ENOSPC, "needs at least 3073 MiB of RAM, the VM has 16");
	refuse_segment(64ull << 30, 4, -ENOSPC, "needs at least 64513 MiB of RAM, the VM has 16");
	refuse_segment(1ull << 40, 4, -ENOEXEC, "lies outside of RAM");
	refuse_segment(UINT64_MAX - 4, 4, -ENOEXEC, "lies outside of RAM");
	refuse_segment(0x200000, UINT64_MAX - 0x200000, -ENOEXEC, "lies outside of RAM");
}

static void expect_no_pci(const struct bytes *file, const char *guest, uint32_t devices)
{
	struct guest g;

	guest_init(&g, file, BOOT_AUTO, 16);
	assert_string_equal(g.image.guest, guest);
	g.config.device = test_devices;
	g.config.devices = devices;
	expect_not_loaded(&g, -ENOTSUP, "PCI bus");
	guest_fini(&g);
}

/* Without devices there is nothing that such a guest would miss. */
static void devices_of_guests_that_look_on_pci(void **state)
{
	static const char *const names[] = {"rumprun", "IncludeOS"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct test_segment s = {.paddr = 0x100000, .data = names[i], .len = strlen(names[i])};
		struct bytes file = make_elf64(0x100000, &s, 1);
		struct guest g;

		expect_no_pci(&file, names[i], 1);
		guest_init(&g, &file, BOOT_AUTO, 16);
		guest_load(&g);
		guest_fini(&g);
		bytes_free(&file);
	}
}

/* An hvt guest's file, made one for Solo5's virtio target, which multiboot starts. */
static struct bytes make_solo5_virtio(uint32_t devices)
{
	struct bytes manifest = make_manifest(devices), file = make_hvt(1, &manifest);
	const struct multiboot_fields f = {0};
	uint8_t *abi = memmem(file.data, file.len, "ABI1", 4);

	assert_non_null(abi);
	abi[12] = 3; /* behind the type and the name: the target */
	file.data = realloc(file.data, file.len + 64);
	assert_non_null(file.data);
	memset(file.data + file.len, 0, 64);
	put_multiboot(file.data + ((file.len + 15) & ~15ull), &f);
	file.len += 64;
	bytes_free(&manifest);
	return file;
}

static void solo5_for_virtio_with_a_manifest(void **state)
{
	struct bytes with = make_solo5_virtio(2), without = make_solo5_virtio(0);
	struct guest g;

	(void)state;
	expect_no_pci(&with, "Solo5 virtio ABI 1", 0);
	expect_no_pci(&without, "Solo5 virtio ABI 1", 1);
	guest_init(&g, &without, BOOT_AUTO, 16);
	guest_load(&g);
	guest_fini(&g);
	bytes_free(&with);
	bytes_free(&without);
}

static void refuse_modules(
	uint32_t n, uint64_t bytes, enum boot_protocol wanted, int code, const char *text)
{
	struct boot_module module[BOOT_MODULES + 1];
	struct bytes file = make_plain();
	uint8_t *data = malloc(bytes + 1);
	struct guest g;

	for (uint32_t i = 0; i < n; i++)
		module[i] = (struct boot_module){data, bytes, NULL};
	guest_init(&g, &file, wanted, 16);
	g.config.module = module;
	g.config.modules = n;
	expect_not_loaded(&g, code, text);
	guest_fini(&g);
	free(data);
	bytes_free(&file);
}

static void modules_that_do_not_fit(void **state)
{
	(void)state;
	refuse_modules(1, 16 << 20, BOOT_AUTO, -ENOSPC,
		"no room for initrd of 16777216 bytes beside the kernel: about 19 MiB of RAM are "
		"needed, the VM has 16");
	refuse_modules(1, (15 << 20) - 7, BOOT_AUTO, -ENOSPC, "no room for initrd");
	refuse_modules(1, 0, BOOT_AUTO, -ENOEXEC, "initrd 0 is an empty file");
	refuse_modules(2, 100, BOOT_AUTO, -EINVAL, "takes one module");
	refuse_modules(BOOT_MODULES + 1, 100, BOOT_AUTO, -EINVAL, "at most 16 modules");
}

static void initrd_below_an_impossible_limit(void **state)
{
	const struct boot_module module = {(const uint8_t *)"initrd", 6, NULL};
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);
	struct guest g;

	(void)state;
	poke32(&file, 0x22c, 0x100000);
	guest_init(&g, &file, BOOT_AUTO, 32);
	g.config.module = &module;
	g.config.modules = 1;
	expect_not_loaded(&g, -ENOSPC, "fits nowhere below 0x100001");
	guest_fini(&g);
	bytes_free(&file);
}

static void bzimage_in_too_little_ram(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 16);
	expect_not_loaded(&g, -ENOSPC, "needs at least 17 MiB of RAM, the VM has 16");
	guest_fini(&g);
	bytes_free(&file);
}

static void command_line_too_long(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, bz = make_bzimage(&payload),
		     plain = make_plain();
	char *text = malloc(600000);
	struct guest g;

	(void)state;
	memset(text, 'x', 600000);
	text[2048] = 0;
	guest_init(&g, &bz, BOOT_AUTO, 32);
	g.config.cmdline = text;
	expect_not_loaded(&g, -E2BIG,
		"has 2048 characters with the device announcements, this guest takes 2047");
	text[2047] = 0;
	guest_load(&g);
	guest_fini(&g);

	memset(text, 'x', 600000);
	text[65536] = 0;
	guest_init(&g, &plain, BOOT_AUTO, 32);
	g.config.cmdline = text;
	expect_not_loaded(&g, -E2BIG, "this guest takes 65535");
	text[65536] = 'x';
	text[599999] = 0;
	expect_not_loaded(&g, -E2BIG, "do not fit into the boot area");
	text[65535] = 0;
	guest_load(&g);
	guest_fini(&g);
	free(text);
	bytes_free(&bz);
	bytes_free(&plain);
}

static void device_announcements_count(void **state)
{
	struct bytes payload = {(uint8_t[16]){0}, 16}, file = make_bzimage(&payload);
	char text[2048];
	struct guest g;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[2047] = 0;
	guest_init(&g, &file, BOOT_AUTO, 32);
	g.config.cmdline = text;
	g.config.device = test_devices;
	g.config.devices = 1;
	expect_not_loaded(&g, -E2BIG, "has 2082 characters");
	guest_fini(&g);
	bytes_free(&file);
}

static void multiboot_texts_too_long(void **state)
{
	static uint8_t data[64];
	struct multiboot_fields f = {0x10003, 0x100010, 0x100000, 0, 0x101000, 0x100030};
	struct boot_module module = {data, sizeof data, NULL};
	char *text = malloc(12000);
	struct guest g;

	(void)state;
	memset(text, 'x', 11999);
	text[11999] = 0;
	put_multiboot(data + 16, &f);
	guest_init(&g, &(struct bytes){data, sizeof data}, BOOT_AUTO, 16);
	g.config.cmdline = text;
	expect_not_loaded(&g, -E2BIG, "this guest takes 8191");
	g.config.cmdline = NULL;
	module.text = text;
	g.config.module = &module;
	g.config.modules = 1;
	expect_not_loaded(&g, -E2BIG, "do not fit into the multiboot block of 10240 bytes");
	guest_fini(&g);
	free(text);
}

static void ram_below_the_first_megabyte(void **state)
{
	static uint8_t data[64];
	struct multiboot_fields f = {0x10003, 0x10010, 0x10000, 0, 0x11000, 0x10030};
	struct guest g;

	(void)state;
	put_multiboot(data + 16, &f);
	guest_init(&g, &(struct bytes){data, sizeof data}, BOOT_AUTO, 1);
	expect_not_loaded(&g, -ENOSPC, "at least 2 MiB");
	guest_fini(&g);
}

static void configurations_that_cannot_be(void **state)
{
	static const struct boot_device bad[] = {{0xd0000000, 8192, 5}, {0xd0000100, 4096, 5},
		{0x100000000, 4096, 5}, {0xd0000000, 4096, 24}};
	struct bytes file = make_plain();
	struct guest g;

	(void)state;
	guest_init(&g, &file, BOOT_AUTO, 16);
	g.config.vcpus = 0;
	expect_not_loaded(&g, -EINVAL, "1 to 254 vCPUs");
	g.config.vcpus = 255;
	expect_not_loaded(&g, -EINVAL, "1 to 254 vCPUs");
	g.config.vcpus = 1;
	g.config.devices = 1;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		g.config.device = &bad[i];
		expect_not_loaded(&g, -EINVAL, "a device is one page");
	}
	g.config.devices = X86_DEVICES + 1;
	expect_not_loaded(&g, -EINVAL, "at most 16 devices");
	guest_fini(&g);
	bytes_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_over_the_tables),
		cmocka_unit_test(segments_outside_of_ram),
		cmocka_unit_test(devices_of_guests_that_look_on_pci),
		cmocka_unit_test(solo5_for_virtio_with_a_manifest),
		cmocka_unit_test(modules_that_do_not_fit),
		cmocka_unit_test(initrd_below_an_impossible_limit),
		cmocka_unit_test(bzimage_in_too_little_ram),
		cmocka_unit_test(command_line_too_long),
		cmocka_unit_test(device_announcements_count),
		cmocka_unit_test(multiboot_texts_too_long),
		cmocka_unit_test(ram_below_the_first_megabyte),
		cmocka_unit_test(configurations_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
