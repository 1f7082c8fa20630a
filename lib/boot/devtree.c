/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flattened device tree (Devicetree Specification 0.4): how our own guests find what they have.
 * Addresses and sizes are two cells; interrupts are <GSI, 1> (1: rising edge), with the IOAPIC as
 * their parent.
 */
#include "tables.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "x86_map.h"

enum { IOAPIC_PHANDLE = 1, RISING_EDGE = 1, NAME_BYTES = 40 };

/* The first error stays, and everything after it is skipped. */
struct tree {
	void *fdt;
	int error;
};

static void keep(struct tree *t, int rc)
{
	if (rc && !t->error)
		t->error = rc;
}

static void begin(struct tree *t, const char *name)
{
	if (!t->error)
		keep(t, fdt_begin_node(t->fdt, name));
}

static void begin_at(struct tree *t, const char *name, uint64_t addr)
{
	char full[NAME_BYTES];

	snprintf(full, sizeof full, "%s@%" PRIx64, name, addr);
	begin(t, full);
}

static void end(struct tree *t)
{
	if (!t->error)
		keep(t, fdt_end_node(t->fdt));
}

static void bytes(struct tree *t, const char *name, const void *p, size_t len)
{
	if (!t->error)
		keep(t, fdt_property(t->fdt, name, p, (int)len));
}

static void u32(struct tree *t, const char *name, uint32_t v)
{
	if (!t->error)
		keep(t, fdt_property_u32(t->fdt, name, v));
}

static void u64(struct tree *t, const char *name, uint64_t v)
{
	if (!t->error)
		keep(t, fdt_property_u64(t->fdt, name, v));
}

static void text(struct tree *t, const char *name, const char *s)
{
	bytes(t, name, s, strlen(s) + 1);
}

static void reg(struct tree *t, uint64_t addr, uint64_t len)
{
	fdt64_t cells[2] = {cpu_to_fdt64(addr), cpu_to_fdt64(len)};

	bytes(t, "reg", cells, sizeof cells);
}

static void interrupts(struct tree *t, uint32_t gsi)
{
	fdt32_t cells[2] = {cpu_to_fdt32(gsi), cpu_to_fdt32(RISING_EDGE)};

	bytes(t, "interrupts", cells, sizeof cells);
}

static void add_chosen(struct tree *t, const struct boot_devtree *d)
{
	begin(t, "chosen");
	text(t, "bootargs", d->cmdline);
	text(t, "stdout-path", "/isa/serial@i3f8");
	bytes(t, "rng-seed", d->config->seed, sizeof d->config->seed);
	if (d->initrd_bytes) {
		u64(t, "linux,initrd-start", d->initrd);
		u64(t, "linux,initrd-end", d->initrd + d->initrd_bytes);
	}
	end(t);
}

static void add_memory(struct tree *t, const struct mem *mem)
{
	struct boot_ram ram[BOOT_RAM_RANGES];
	uint32_t n = boot_ram_ranges(mem, ram);

	for (uint32_t i = 0; i < n; i++) {
		begin_at(t, "memory", ram[i].gpa);
		text(t, "device_type", "memory");
		reg(t, ram[i].gpa, ram[i].len);
		end(t);
	}
}

static void add_cpus(struct tree *t, const struct boot_config *config)
{
	begin(t, "cpus");
	u32(t, "#address-cells", 1);
	u32(t, "#size-cells", 0);
	/* timebase-frequency (section 3.8): the rate of the time base register, which is the TSC
	 * here */
	if (config->tsc_khz)
		u64(t, "timebase-frequency", config->tsc_khz * 1000ull);
	for (uint32_t i = 0; i < config->vcpus; i++) {
		begin_at(t, "cpu", i);
		text(t, "device_type", "cpu");
		u32(t, "reg", i); /* APIC id */
		end(t);
	}
	end(t);
}

static void add_board(struct tree *t, const struct boot_config *config)
{
	fdt32_t io[3] = {cpu_to_fdt32(1), cpu_to_fdt32(X86_PORT_SERIAL), cpu_to_fdt32(8)};

	if (config->irqchip) {
		begin_at(t, "interrupt-controller", X86_IOAPIC_BASE);
		text(t, "compatible", "intel,ioapic");
		bytes(t, "interrupt-controller", NULL, 0);
		u32(t, "#interrupt-cells", 2);
		reg(t, X86_IOAPIC_BASE, X86_IOAPIC_SIZE);
		u32(t, "phandle", IOAPIC_PHANDLE);
		end(t);
	}
	begin(t, "isa"); /* the ISA binding: <1, port, length> are I/O ports */
	text(t, "compatible", "isa");
	u32(t, "#address-cells", 2);
	u32(t, "#size-cells", 1);
	begin(t, "serial@i3f8");
	text(t, "compatible", "ns16550a");
	bytes(t, "reg", io, sizeof io);
	if (config->irqchip)
		interrupts(t, X86_GSI_SERIAL);
	end(t);
	end(t);
}

static void add_devices(struct tree *t, const struct boot_config *config)
{
	for (uint32_t i = 0; i < config->devices; i++) {
		begin_at(t, "virtio_mmio", config->device[i].gpa);
		text(t, "compatible", "virtio,mmio");
		reg(t, config->device[i].gpa, config->device[i].len);
		if (config->irqchip)
			interrupts(t, config->device[i].gsi);
		end(t);
	}
	if (!config->doorbell)
		return;
	begin_at(t, "doorbell", config->doorbell);
	text(t, "compatible", "ukvmm,doorbell");
	reg(t, config->doorbell, X86_DOORBELL_SIZE);
	end(t);
}

uint64_t boot_devtree_bytes(const struct boot_config *config, uint64_t cmdline_bytes)
{
	return 2048 + cmdline_bytes + config->vcpus * 80ull + config->devices * 192ull;
}

int boot_devtree_build(const struct boot_devtree *d, void *buf, uint64_t cap)
{
	struct tree t = {.fdt = buf};

	/* looking for a name that is there already costs more than the bytes it saves */
	keep(&t, fdt_create_with_flags(buf, (int)cap, FDT_CREATE_FLAG_NO_NAME_DEDUP));
	if (!t.error)
		keep(&t, fdt_finish_reservemap(buf));
	begin(&t, "");
	text(&t, "compatible", "ukvmm,x86_64");
	text(&t, "model", "ukvmm");
	u32(&t, "#address-cells", 2);
	u32(&t, "#size-cells", 2);
	if (d->config->irqchip)
		u32(&t, "interrupt-parent", IOAPIC_PHANDLE);
	add_chosen(&t, d);
	add_memory(&t, d->mem);
	add_cpus(&t, d->config);
	add_board(&t, d->config);
	add_devices(&t, d->config);
	end(&t);
	if (!t.error)
		keep(&t, fdt_finish(buf));
	return t.error ? -ENOSPC : (int)fdt_totalsize(buf);
}
