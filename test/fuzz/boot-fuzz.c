/* SPDX-License-Identifier: Apache-2.0 */
/* One file as an image, by every protocol, unpacked or not; what parses is loaded into 16 MiB with
 * itself as initrd and its own tail as the command line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "x86_map.h"

enum { RAM = 16 << 20, CMDLINE = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void load(const struct boot_image *image, const uint8_t *data, size_t len, struct mem *mem)
{
	static const struct boot_device device[] = {{X86_VIRTIO_BASE, X86_VIRTIO_STRIDE, 5}};
	struct boot_module module = {data, len, "a module"};
	char cmdline[CMDLINE + 1] = {0};
	struct x86_entry entry;
	struct ukvmm_err err = {.size = sizeof err};
	struct boot_config config = {.name = "vm0",
		.image = image,
		.cmdline = cmdline,
		.device = device,
		.devices = 1,
		.module = &module,
		.modules = len & 1,
		.vcpus = 1,
		.irqchip = len & 2,
		.doorbell = X86_DOORBELL_BASE};

	memcpy(cmdline, len > CMDLINE ? data + len - CMDLINE : data, len > CMDLINE ? CMDLINE : len);
	if (boot_load(&config, mem, &entry, &err)) {
		check(err.code < 0 && err.text[0]);
		check(mem_resident(mem) == 0); /* nothing has been written */
		return;
	}
	check(mem_ptr(mem, entry.rip, 1) != NULL);
	check(mem_ptr(mem, entry.gdt_base, entry.gdt_limit + 1ull) != NULL);
	mem_drop(mem);
}

/* Of a Solo5 guest: whole pages from 1 MiB on. */
static void read_only(const struct boot_image *image)
{
	for (uint32_t i = 0; image->protocol == BOOT_HVT && i < image->segments; i++) {
		uint64_t gpa, len;

		if (boot_hvt_read_only(image, i, &gpa, &len))
			check(gpa >= 1 << 20 && len && !((gpa | len) % MEM_PAGE) && gpa + len <= UINT32_MAX);
	}
}

static void parse(const uint8_t *data, size_t len, enum boot_protocol wanted, bool decompress,
	struct mem *mem)
{
	struct ukvmm_err err = {.size = sizeof err};
	struct boot_image image;

	if (boot_parse(&image, data, len, wanted, decompress, "image", &err)) {
		check(err.code < 0 && err.text[0]);
		return;
	}
	check(image.protocol != BOOT_AUTO && (wanted == BOOT_AUTO || image.protocol == wanted));
	check(image.segments > 0 && image.low < image.high);
	for (uint32_t i = 0; i < image.segments; i++) {
		const struct boot_segment *s = &image.segment[i];

		check(s->offset <= image.len && s->file_bytes <= image.len - s->offset);
		check(s->file_bytes <= s->mem_bytes && s->gpa + s->mem_bytes >= s->gpa);
	}
	check(memchr(image.guest, 0, sizeof image.guest) != NULL);
	read_only(&image);
	load(&image, data, len, mem);
	boot_image_fini(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct mem mem;

	if (!mem.backed) {
		check(mem_reserve(&mem, RAM, X86_RAM_GAP_START, X86_RAM_GAP_END) == 0);
		check(mem_back(&mem, MEM_HUGE_OFF) == 0);
	}
	for (int wanted = BOOT_AUTO; wanted <= BOOT_HVT; wanted++) {
		parse(data, len, (enum boot_protocol)wanted, false, &mem);
		if (wanted <= BOOT_PVH)
			parse(data, len, (enum boot_protocol)wanted, true, &mem);
	}
	return 0;
}
