/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: the device tree's nodes, else the words `virtio_mmio.device=SIZE@ADDRESS:LINE` of the command line. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

enum { DEVICES = 32 };
enum { MAGIC = 0, VERSION = 4, DEVICE_ID = 8 };

static struct found {
	uint64_t base;
	uint32_t gsi;
} found[DEVICES];
static uint32_t n_found;
static uint64_t tsc_hz, doorbell;
extern uint32_t rt_idle_door;
bool virtio_locate(struct virtio *dev, uint32_t id);
const uint8_t *rt_devices_seed(int *len);

static void add(uint64_t base, uint32_t gsi)
{
	if (n_found < DEVICES)
		found[n_found++] = (struct found){base, gsi};
}

static uint64_t cell64(const fdt64_t *p)
{
	fdt64_t v;

	memcpy(&v, p, sizeof v);
	return fdt64_to_cpu(v);
}

static const void *prop(int node, const char *name, int bytes)
{
	int len;
	const void *p = fdt_getprop(rt_boot.fdt, node, name, &len);

	return p && len >= bytes ? p : NULL;
}

static void from_tree(void)
{
	const void *fdt = rt_boot.fdt, *reg;
	const fdt32_t *irq, *hz;
	int node;

	for (node = fdt_node_offset_by_compatible(fdt, -1, "virtio,mmio"); node >= 0;
		node = fdt_node_offset_by_compatible(fdt, node, "virtio,mmio")) {
		reg = prop(node, "reg", 16);
		irq = prop(node, "interrupts", 8);
		if (reg && irq)
			add(cell64(reg), fdt32_to_cpu(*irq));
	}
	node = fdt_path_offset(fdt, "/cpus");
	hz = node < 0 ? NULL : prop(node, "timebase-frequency", 8);
	tsc_hz = hz ? cell64((const void *)hz) : 0;
	node = fdt_node_offset_by_compatible(fdt, -1, "ukvmm,doorbell");
	reg = node < 0 ? NULL : prop(node, "reg", 16);
	if (!reg)
		return;
	doorbell = cell64(reg);
	rt_idle_door = (uint32_t)doorbell + 4;
}

static void from_words(void)
{
	const char *s = rt_boot.cmdline;
	char *end;

	while ((s = strstr(s, "virtio_mmio.device="))) {
		while (*s && *s != '@' && *s != ' ')
			s++;
		if (*s != '@')
			continue;
		uint64_t base = strtoul(s + 1, &end, 0);

		if (*end == ':')
			add(base, (uint32_t)strtoul(end + 1, &end, 0));
		s = end;
	}
}

void rt_devices_find(void)
{
	if (rt_boot.fdt && !fdt_check_header(rt_boot.fdt))
		from_tree();
	if (!n_found)
		from_words();
}

const uint8_t *rt_devices_seed(int *len)
{
	int node = rt_boot.fdt ? fdt_path_offset(rt_boot.fdt, "/chosen") : -1;

	return node < 0 ? NULL : fdt_getprop(rt_boot.fdt, node, "rng-seed", len);
}

uint64_t rt_devices_tsc_hz(void)
{
	return tsc_hz;
}

void rt_ready(uint32_t value)
{
	if (doorbell)
		rt_write32(doorbell, value);
}

bool virtio_locate(struct virtio *dev, uint32_t id)
{
	for (uint32_t i = 0; i < n_found; i++) {
		struct rt_op op[] = {{found[i].base + MAGIC, 0, RT_READ}, {found[i].base + VERSION, 0, RT_READ},
			{found[i].base + DEVICE_ID, 0, RT_READ}};

		rt_ring0(op, 3, false);
		if (op[0].value != 0x74726976 || op[1].value != 2 || op[2].value != id)
			continue;
		dev->base = found[i].base;
		dev->gsi = found[i].gsi;
		return true;
	}
	return false;
}
