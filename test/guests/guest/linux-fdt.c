/* SPDX-License-Identifier: Apache-2.0 */
/* The flattened device tree handed over as setup_data SETUP_DTB: memory, chosen, cpus, virtio,mmio
 * nodes. */
#include "boot_layout.h"
#include "tables.h"

static struct fdt_prop need(const struct fdt_node *n, const char *name)
{
	struct fdt_prop p = {0};

	if (!fdt_prop(n, name, &p)) {
		print("FAIL device tree: /%s has no %s\n", n->name, name);
		guest_exit(1);
	}
	return p;
}

static void check_memory(void)
{
	struct ram ram[16];
	uint32_t n = boot_ram(ram, 16), cells = 0;
	struct fdt_node node = {0};
	uint64_t fdt_bytes = 0, top = 0;
	struct fdt_prop p;

	for (bool more = fdt_next(&node, true); more; more = fdt_next(&node, false)) {
		if (!fdt_prop(&node, "device_type", &p) || memcmp(p.value, "memory", 7))
			continue;
		p = need(&node, "reg");
		check_eq("memory reg: whole pairs of 64 bits", p.len % 16, 0);
		for (uint32_t i = 0; i + 16 <= p.len; i += 16, cells++) {
			fdt_bytes += be64(p.value + i + 8);
			if (be64(p.value + i) + be64(p.value + i + 8) > top)
				top = be64(p.value + i) + be64(p.value + i + 8);
		}
	}
	check("device tree has memory", cells);
	check_eq("device tree and e820: end of memory", top, ram[n - 1].base + ram[n - 1].len);
	check("device tree: memory not above what there is",
		fdt_bytes <= arg_number("mem", 128u << 20));
}

static void check_chosen(void)
{
	const char *cmdline = boot_cmdline();
	struct fdt_node chosen;
	struct fdt_prop p;
	uint64_t initrd = le32(zero_page() + ZP_RAMDISK_IMAGE),
		 bytes = le32(zero_page() + ZP_RAMDISK_SIZE);

	if (!fdt_path("chosen", &chosen))
		die("device tree has no /chosen");
	p = need(&chosen, "bootargs");
	check_eq("bootargs length", p.len, strlen(cmdline) + 1);
	check("bootargs is the command line", !strcmp((const char *)p.value, cmdline));
	p = need(&chosen, "rng-seed");
	check("rng-seed: 32 bytes or more, not zero", p.len >= 32 && !all_zero(p.value, p.len));
	if (!bytes)
		return;
	p = need(&chosen, "linux,initrd-start");
	check_eq("initrd-start", p.len == 8 ? be64(p.value) : be32(p.value), initrd);
	p = need(&chosen, "linux,initrd-end");
	check_eq("initrd-end", p.len == 8 ? be64(p.value) : be32(p.value), initrd + bytes);
}

static void check_cpus(void)
{
	struct fdt_node node = {0};
	struct fdt_prop p;
	uint32_t cpus = 0;

	for (bool more = fdt_next(&node, true); more; more = fdt_next(&node, false)) {
		if (!fdt_prop(&node, "device_type", &p) || memcmp(p.value, "cpu", 4))
			continue;
		p = need(&node, "reg");
		check_eq("cpu reg", be32(p.value + p.len - 4), cpus);
		cpus++;
	}
	check_eq("device tree cpus", cpus, arg_number("cpus", 1));
}

static void check_devices(void)
{
	static const char word[] = "virtio_mmio.device=";
	struct fdt_node node = {0};
	const char *s = boot_cmdline();
	uint32_t devices = 0;
	struct fdt_prop p;

	for (; *s; s++) {
		if (!starts_with(s, word))
			continue;
		if (!fdt_compatible("virtio,mmio", &node))
			break;
		devices++;
		number(s + sizeof word - 1, &s);
		p = need(&node, "reg");
		check_eq("virtio,mmio reg length", p.len, 16);
		check_eq("virtio,mmio address", be64(p.value), number(s + 2, &s));
		check_eq("virtio,mmio size", be64(p.value + 8), 4096);
		p = need(&node, "interrupts");
		check_eq("virtio,mmio interrupt", be32(p.value), number(s + 1, &s));
	}
	check_eq("virtio,mmio nodes", devices, arg_number("devices", 0));
	check("no virtio,mmio node beyond those on the command line",
		!fdt_compatible("virtio,mmio", &node));
}

static void check_seed(void)
{
	uint64_t p = le64(zero_page() + ZP_SETUP_DATA);
	bool seen = false;

	for (int i = 0; p && i < 32; i++, p = le64((const void *)p)) {
		const uint8_t *d = (const uint8_t *)p;

		if (le32(d + SETUP_TYPE) == SETUP_RNG_SEED)
			seen = le32(d + SETUP_LEN) >= 32 && !all_zero(d + SETUP_BYTES, 32);
	}
	check_eq("end of the setup_data list", p, 0);
	check("SETUP_RNG_SEED", seen);
}

void guest_main(void)
{
	struct fdt_node root;
	struct fdt_prop p;

	if (!fdt_blob())
		die("no setup_data SETUP_DTB");
	if (!fdt_next(&root, true))
		die("device tree is empty");
	p = need(&root, "#address-cells");
	check_eq("#address-cells", be32(p.value), 2);
	p = need(&root, "#size-cells");
	check_eq("#size-cells", be32(p.value), 2);
	check_memory();
	check_chosen();
	check_cpus();
	check_devices();
	check_seed();
}
