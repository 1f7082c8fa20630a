/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree, read back with libfdt. */
#include "images.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"
#include "x86_map.h"

enum { CAP = 1 << 20 };

/* Builds the tree of a config within the bytes that boot_devtree_bytes promises to be enough. */
static void *tree(
	const struct boot_config *config, uint64_t mib, const char *cmdline, uint64_t initrd_bytes)
{
	uint64_t cap = boot_devtree_bytes(config, strlen(cmdline) + 1);
	void *fdt = malloc(cap);
	struct mem mem;
	struct boot_devtree d = {config, &mem, cmdline, 0xc00000, initrd_bytes};
	int len;

	assert_int_equal(mem_reserve(&mem, mib << 20, X86_RAM_GAP_START, X86_RAM_GAP_END), 0);
	len = boot_devtree_build(&d, fdt, cap);
	mem_fini(&mem);
	assert_true(len > 0 && (uint64_t)len <= cap);
	assert_int_equal(fdt_check_full(fdt, (size_t)len), 0);
	return fdt;
}

static const void *prop(const void *fdt, const char *path, const char *name, int len)
{
	int node = fdt_path_offset(fdt, path), got = -1;
	const void *p = node < 0 ? NULL : fdt_getprop(fdt, node, name, &got);

	if (!p || (len >= 0 && got != len))
		fail_msg("%s/%s: %d bytes", path, name, got);
	return p;
}

static uint32_t prop32(const void *fdt, const char *path, const char *name)
{
	return fdt32_ld(prop(fdt, path, name, 4));
}

static uint64_t prop64(const void *fdt, const char *path, const char *name)
{
	return fdt64_ld(prop(fdt, path, name, 8));
}

static void check_reg(const void *fdt, const char *path, uint64_t addr, uint64_t len)
{
	const fdt64_t *reg = prop(fdt, path, "reg", 16);

	assert_int_equal(fdt64_ld(reg), addr);
	assert_int_equal(fdt64_ld(reg + 1), len);
}

static void whole_tree(void **state)
{
	struct boot_config config = {.vcpus = 3,
		.device = test_devices,
		.devices = 2,
		.irqchip = true,
		.doorbell = X86_DOORBELL_BASE,
		.tsc_khz = 2500000,
		.seed = "0123456789abcdef0123456789abcde"};
	void *fdt = tree(&config, 4096, "a b", 100);
	const fdt32_t *irq;

	(void)state;
	assert_string_equal(prop(fdt, "/", "compatible", -1), "ukvmm,x86_64");
	assert_string_equal(prop(fdt, "/chosen", "bootargs", -1), "a b");
	assert_int_equal(prop64(fdt, "/chosen", "linux,initrd-start"), 0xc00000);
	assert_int_equal(prop64(fdt, "/chosen", "linux,initrd-end"), 0xc00064);
	assert_memory_equal(prop(fdt, "/chosen", "rng-seed", 32), config.seed, 32);
	assert_true(fdt_path_offset(fdt, prop(fdt, "/chosen", "stdout-path", -1)) > 0);
	check_reg(fdt, "/memory@0", 0, 0x9fc00);
	check_reg(fdt, "/memory@100000", 0x100000, 0xbff00000);
	check_reg(fdt, "/memory@100000000", 0x100000000, 0x40000000);
	assert_string_equal(prop(fdt, "/memory@0", "device_type", -1), "memory");
	assert_int_equal(prop64(fdt, "/cpus", "timebase-frequency"), 2500000000);
	assert_int_equal(prop32(fdt, "/cpus/cpu@2", "reg"), 2);
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@3") < 0);
	assert_string_equal(prop(fdt, "/virtio_mmio@d0000000", "compatible", -1), "virtio,mmio");
	check_reg(fdt, "/virtio_mmio@d0000000", 0xd0000000, 4096);
	check_reg(fdt, "/virtio_mmio@d0001000", 0xd0001000, 4096);
	irq = prop(fdt, "/virtio_mmio@d0001000", "interrupts", 8);
	assert_int_equal(fdt32_ld(irq), 16);
	assert_int_equal(fdt32_ld(irq + 1), 1); /* rising edge */
	assert_int_equal(prop32(fdt, "/", "interrupt-parent"),
		prop32(fdt, "/interrupt-controller@fec00000", "phandle"));
	assert_string_equal(prop(fdt, "/doorbell@d0080000", "compatible", -1), "ukvmm,doorbell");
	check_reg(fdt, "/doorbell@d0080000", X86_DOORBELL_BASE, 4096);
	free(fdt);
}

static void what_is_not_there_is_not_described(void **state)
{
	struct boot_config config = {.vcpus = 1};
	void *fdt = tree(&config, 16, "", 0);

	(void)state;
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "linux,initrd-start", NULL));
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/cpus"), "timebase-frequency", NULL));
	assert_null(fdt_getprop(fdt, 0, "interrupt-parent", NULL));
	assert_true(fdt_node_offset_by_compatible(fdt, -1, "virtio,mmio") < 0);
	assert_true(fdt_node_offset_by_compatible(fdt, -1, "ukvmm,doorbell") < 0);
	assert_true(fdt_path_offset(fdt, "/interrupt-controller@fec00000") < 0);
	assert_string_equal(prop(fdt, "/chosen", "bootargs", 1), "");
	free(fdt);
}

static void the_promised_room_is_enough_for_the_largest(void **state)
{
	struct boot_device device[X86_DEVICES];
	struct boot_config config = {.vcpus = 254,
		.device = device,
		.devices = X86_DEVICES,
		.irqchip = true,
		.doorbell = X86_DOORBELL_BASE,
		.tsc_khz = 1};
	char *cmdline = malloc(65536);

	(void)state;
	memset(cmdline, 'x', 65535);
	cmdline[65535] = 0;
	for (uint32_t i = 0; i < X86_DEVICES; i++)
		device[i] = (struct boot_device){X86_VIRTIO_BASE + i * X86_VIRTIO_STRIDE, 4096, 5};
	free(tree(&config, 4096, cmdline, 1));
	free(cmdline);
}

static void too_little_room_is_an_error(void **state)
{
	struct boot_config config = {
		.vcpus = 1, .device = test_devices, .devices = 2, .irqchip = true};
	uint8_t *buf = malloc(CAP);
	struct mem mem;
	struct boot_devtree d = {&config, &mem, "a b", 0, 0};
	int len;

	(void)state;
	assert_int_equal(mem_reserve(&mem, 16 << 20, X86_RAM_GAP_START, X86_RAM_GAP_END), 0);
	len = boot_devtree_build(&d, buf, CAP);
	assert_true(len > 0);
	for (int cap = 0; cap < len; cap += 7)
		assert_true(boot_devtree_build(&d, buf, (uint64_t)cap) < 0);
	mem_fini(&mem);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_tree),
		cmocka_unit_test(what_is_not_there_is_not_described),
		cmocka_unit_test(the_promised_room_is_enough_for_the_largest),
		cmocka_unit_test(too_little_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
