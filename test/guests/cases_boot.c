/* SPDX-License-Identifier: Apache-2.0 */
/* Boot protocols: what each hands over, and the quirks of real guests. */
#include <errno.h>

#include <ukvmm/devices.h>

#include "harness.h"

#define EXIT(n) .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .status = (n)
#define OK { EXIT(0), .says = { "OK\n" } }
#define OK_SAYS(...) { EXIT(0), .says = { __VA_ARGS__ } }
#define DEVICE(i, gsi) "virtio_mmio.device=4K@0xd000" #i "000:" #gsi
#define CARD(words) { .reason = UKVMM_STOP_RESET, .says = { words, "OK\n" } }

/* A network card with nobody at the other end. */
static int add_card(struct drive *d)
{
	const struct ukvmm_net_config config = {.size = sizeof config, .kind = UKVMM_NET_NONE, .fd = -1};

	return ukvmm_vm_add_net(d->vm, "net0", &config, &d->err);
}

static const struct script script_card = {.prepare = add_card};

const struct guest_case cases_boot[] = {
	{ .name = "hello", .image = "hello.elf", .chips = SPLIT | FULL | NONE,
		.want = OK_SAYS("hello from a guest\n") },
	{ .name = "hello-2m", .image = "hello.elf", .memory_mib = 2,
		.want = OK_SAYS("hello from a guest\n") },
	{ .name = "hello-linux", .image = "hello.elf", .boot = UKVMM_BOOT_LINUX,
		.want = OK_SAYS("hello from a guest\n") },
	{ .name = "hello-pvh", .image = "hello.elf", .boot = UKVMM_BOOT_PVH,
		.want = OK_SAYS("hello from a guest\n") },
	{ .name = "hello-4vcpus", .image = "hello.elf", .vcpus = 4,
		.want = OK_SAYS("hello from a guest\n") },

	{ .name = "linux-entry", .image = "linux-entry.elf", .cmdline = "mem=134217728",
		.chips = SPLIT | FULL | NONE, .want = OK },
	{ .name = "linux-entry-initrd", .image = "linux-entry.elf",
		.cmdline = "mem=67108864 initrd=5000", .memory_mib = 64, .initrd_bytes = 5000,
		.want = OK },
	{ .name = "linux-entry-5g", .image = "linux-entry.elf",
		.cmdline = "mem=5368709120 initrd=5000", .memory_mib = 5120, .initrd_bytes = 5000,
		.want = OK },
	{ .name = "linux-acpi", .image = "linux-acpi.elf", .cmdline = "cpus=1 devices=0",
		.want = OK },
	{ .name = "linux-acpi-devices", .image = "linux-acpi.elf", .cmdline = "cpus=4 devices=3",
		.vcpus = 4, .devices = 3, .chips = SPLIT | FULL, .want = OK },
	{ .name = "linux-fdt", .image = "linux-fdt.elf", .cmdline = "cpus=1 devices=0",
		.want = OK },
	{ .name = "linux-fdt-devices", .image = "linux-fdt.elf", .cmdline = "cpus=2 devices=16",
		.vcpus = 2, .devices = 16, .initrd_bytes = 5000, .want = OK },
	{ .name = "linux-fdt-5g", .image = "linux-fdt.elf", .cmdline = "mem=5368709120",
		.memory_mib = 5120, .want = OK },
	{ .name = "linux-mptable", .image = "linux-mptable.elf", .cmdline = "cpus=3", .vcpus = 3,
		.want = OK },

	{ .name = "cmdline-empty", .image = "cmdline.elf", .want = OK_SAYS("[]\n") },
	{ .name = "cmdline-plain", .image = "cmdline.elf", .cmdline = "one two  three",
		.want = OK_SAYS("[one two  three]\n") },
	{ .name = "cmdline-token", .image = "cmdline.elf", .devices = 1,
		.want = OK_SAYS("[" DEVICE(0, 5) "]\n") },
	{ .name = "cmdline-tokens", .image = "cmdline.elf", .cmdline = "--opt app arg",
		.devices = 4,
		.want = OK_SAYS("[--opt app arg " DEVICE(0, 5) " " DEVICE(1, 6) " "
			DEVICE(2, 7) " " DEVICE(3, 9) "]\n") },
	{ .name = "cmdline-tokens-before-args", .image = "cmdline.elf",
		.cmdline = "lib.x=1 -- a -- b", .devices = 2,
		.want = OK_SAYS("[lib.x=1 " DEVICE(0, 5) " " DEVICE(1, 6) " -- a -- b]\n") },
	{ .name = "cmdline-args-only", .image = "cmdline.elf", .cmdline = "-- a", .devices = 1,
		.want = OK_SAYS("[" DEVICE(0, 5) " -- a]\n") },
	{ .name = "cmdline-no-separator", .image = "cmdline.elf", .cmdline = "a--b --c --",
		.devices = 1, .want = OK_SAYS("[a--b --c " DEVICE(0, 5) " --]\n") },

	{ .name = "nanos", .image = "nanos.elf", .cmdline = "en1.ipaddr=10.0.0.2", .want = OK },
	{ .name = "osv", .image = "osv.elf", .cmdline = "--nopci app=test",
		.want = { .reason = UKVMM_STOP_RESET, .says = { "OK\n" } } },
	{ .name = "unikraft", .image = "unikraft.elf", .cmdline = "netdev.ip=10.0.0.2 -- arg",
		.chips = SPLIT | FULL, .want = { .reason = UKVMM_STOP_RESET, .says = { "OK\n" } } },
	{ .name = "unikraft-net", .image = "unikraft-net.elf", .chips = SPLIT | FULL, .script = &script_card,
		.want = CARD("[kernel " DEVICE(0, 5) " --]\n") },
	{ .name = "unikraft-net-name", .image = "unikraft-net.elf", .cmdline = "app netdev.ip=10.0.0.2/24",
		.script = &script_card, .want = CARD("[app netdev.ip=10.0.0.2/24 " DEVICE(0, 5) " --]\n") },
	{ .name = "unikraft-net-args", .image = "unikraft-net.elf", .cmdline = "-- arg",
		.script = &script_card, .want = CARD("[kernel " DEVICE(0, 5) " -- arg]\n") },
	{ .name = "solo5-virtio", .image = "solo5-virtio.elf", .chips = SPLIT, .want = OK },
	{ .name = "hermit", .image = "hermit.elf", .cmdline = "-freq 2000 -- arg",
		.initrd_file = "hello.elf", .chips = SPLIT | FULL, .want = OK },
	{ .name = "pvh", .image = "pvh.elf", .cmdline = "word=value mem=134217728 initrd=5000",
		.initrd_bytes = 5000, .want = OK_SAYS("OK\n",
		"[word=value mem=134217728 initrd=5000]\n") },
	{ .name = "pvh-linux-refused", .image = "pvh.elf", .boot = UKVMM_BOOT_LINUX,
		.want = { .code = -ENOEXEC } },
	{ .name = "multiboot-elf64", .image = "multiboot-elf64.elf",
		.cmdline = "word=value mem=134217728 info=low", .want = OK_SAYS("OK\n",
		" word=value mem=134217728 info=low]\n") },
	{ .name = "multiboot-elf32", .image = "multiboot-elf32.elf",
		.cmdline = "word=value modules=3 info=low", .modules = 3, .want = OK_SAYS("OK\n",
		" word=value modules=3 info=low]\n") },
	{ .name = "multiboot-aout", .image = "multiboot-aout.elf",
		.cmdline = "word=value modules=2 mem=5368709120", .modules = 2, .memory_mib = 5120,
		.want = OK_SAYS("OK\n", " word=value modules=2 mem=5368709120]\n") },
	{ .name = "bzimage", .image = "bzimage-lz4.img", .cmdline = "word=value initrd=5000",
		.initrd_bytes = 5000, .want = OK_SAYS("bzImage entry\nOK\n") },
	{ .name = "bzimage-lz4", .image = "bzimage-lz4.img", .image_flags = UKVMM_IMAGE_DECOMPRESS,
		.want = OK_SAYS("hello from a guest\n") },
	{ .name = "bzimage-xz", .image = "bzimage-xz.img", .image_flags = UKVMM_IMAGE_DECOMPRESS,
		.want = OK_SAYS("hello from a guest\n") },
	{ 0 },
};
