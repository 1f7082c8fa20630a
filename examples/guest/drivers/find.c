/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: the device tree's nodes, else the words `virtio_mmio.device=SIZE@ADDRESS:LINE` of the command line. */
#include "devices.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 32, DEVICE_ID = 8, DOORBELL_IDLE = 4 };

static struct rt_device found[DEVICES];
static uint32_t n_found;
static bool identified;
static uint64_t tsc_hz, doorbell;

static void add(uint64_t base, uint32_t line)
{
	if (n_found < DEVICES)
		found[n_found++] = (struct rt_device){base, line, 0};
}

static uint64_t cell64(const fdt64_t *p)
{
	fdt64_t v;

	memcpy(&v, p, sizeof v);
	return fdt64_to_cpu(v);
}

static const void *prop(int node, const char *name, int bytes, int *len)
{
	const void *p = fdt_getprop(rt_boot.fdt, node, name, len);

	return p && *len >= bytes ? p : NULL;
}

static void from_tree(void)
{
	const void *fdt = rt_boot.fdt, *reg, *irq, *hz;
	int node, len;

	for (node = fdt_node_offset_by_compatible(fdt, -1, "virtio,mmio"); node >= 0;
		node = fdt_node_offset_by_compatible(fdt, node, "virtio,mmio")) {
		reg = prop(node, "reg", 16, &len);
		irq = prop(node, "interrupts", 4, &len);
		if (reg && irq)
			add(cell64(reg), rt_irq_of_tree(irq, len));
	}
	node = fdt_path_offset(fdt, "/cpus");
	hz = node < 0 ? NULL : prop(node, "timebase-frequency", 8, &len);
	tsc_hz = hz ? cell64(hz) : 0;
	node = fdt_node_offset_by_compatible(fdt, -1, "ukvmm,doorbell");
	reg = node < 0 ? NULL : prop(node, "reg", 16, &len);
	if (!reg)
		return;
	doorbell = cell64(reg);
	rt_idle_door_at(doorbell + DOORBELL_IDLE);
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

/* `fdt=off`: to see what a host without a tree would see. */
void rt_devices_find(void)
{
	if (strstr(rt_boot.cmdline, "fdt=off"))
		rt_boot.fdt = NULL;
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

const struct rt_device *rt_device_of(uint32_t id)
{
	if (!identified) {
		for (uint32_t i = 0; i < n_found; i++)
			found[i].id = rt_read32(found[i].base + DEVICE_ID);
		identified = true;
	}
	for (uint32_t i = 0; i < n_found; i++)
		if (found[i].id == id)
			return &found[i];
	return NULL;
}
