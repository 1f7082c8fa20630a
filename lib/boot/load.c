/* SPDX-License-Identifier: Apache-2.0 */
/* boot_load, and what its protocols share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "job.h"
#include "layout.h"
#include "tables.h"
#include "x86_map.h"

uint32_t boot_ram_ranges(const struct mem *mem, struct boot_ram ram[BOOT_RAM_RANGES])
{
	const struct mem_region *low = &mem->region[0];
	uint32_t n = 0;

	ram[n++] = (struct boot_ram){0, low->len < BOOT_LOW_RAM_END ? low->len : BOOT_LOW_RAM_END};
	if (low->len > BOOT_HIGH_RAM)
		ram[n++] = (struct boot_ram){BOOT_HIGH_RAM, low->len - BOOT_HIGH_RAM};
	if (mem->regions > 1)
		ram[n++] = (struct boot_ram){mem->region[1].gpa, mem->region[1].len};
	return n;
}

int boot_job_reserve(struct boot_job *job, uint64_t gpa, uint64_t len, const void *src,
	uint64_t src_len, const char *what)
{
	return boot_plan_add(&job->plan, &(struct boot_piece){gpa, len, src, src_len, what, -1});
}

static int add_module(struct boot_job *job, uint32_t i, const char *name, int index)
{
	const struct boot_module *m = &job->config->module[i];
	/* initrd_max is the last byte's highest address */
	uint64_t max =
		job->image->initrd_max == UINT64_MAX ? UINT64_MAX : job->image->initrd_max + 1;

	if (!m->len)
		return err_set(job->err, -ENOEXEC, "boot_load", job->config->name,
			"%s %u is an empty file", name, i);
	return boot_plan_add_high(&job->plan,
		&(struct boot_piece){0, m->len, m->data, m->len, name, index}, max,
		&job->module_gpa[i]);
}

int boot_job_image(struct boot_job *job, const char *module_name)
{
	const struct boot_image *image = job->image;
	uint32_t modules = job->config->modules;

	for (uint32_t i = 0; i < image->segments; i++) {
		const struct boot_segment *s = &image->segment[i];
		int rc = boot_plan_add(&job->plan,
			&(struct boot_piece){s->gpa, s->mem_bytes, image->data + s->offset,
				s->file_bytes, "segment", (int)i});

		if (rc)
			return rc;
	}
	for (uint32_t i = 0; i < modules; i++) {
		int rc = add_module(job, i, module_name, modules > 1 ? (int)i : -1);

		if (rc)
			return rc;
	}
	return 0;
}

int boot_job_cmdline(struct boot_job *job, const char *prefix)
{
	const struct boot_config *config = job->config;
	uint32_t max = job->image->cmdline_max ? job->image->cmdline_max : BOOT_CMDLINE_MAX;
	const char *text = config->cmdline ? config->cmdline : "";
	size_t start = job->text.len;

	/* Unikraft takes the first word for the program's name, and reads announcements only where a " --" ends them. */
	if (job->image->unikraft && !*prefix && boot_cmdline_begins_with_arguments(text))
		prefix = "kernel";
	writer_bytes(&job->text, prefix, strlen(prefix));
	if (*prefix && (*text || config->devices))
		writer_u8(&job->text, ' ');
	boot_cmdline_build(&job->text, text, config->device, config->devices, job->image->unikraft);
	job->cmdline_len = (uint32_t)(job->text.len - start - 1);
	if (job->text.bad || job->cmdline_len > max)
		return err_set(job->err, -E2BIG, "boot_load", config->name,
			"the command line has %u characters with the device announcements, this "
			"guest takes %u",
			job->cmdline_len, max);
	return 0;
}

int boot_job_acpi(struct boot_job *job)
{
	if (!job->config->irqchip)
		return 0;
	boot_acpi_build(&job->acpi, BOOT_ACPI, job->config);
	if (job->acpi.bad || job->acpi.len > BOOT_ACPI_END - BOOT_ACPI)
		return err_set(job->err, -ENOEXEC, "boot_load", job->config->name,
			"the ACPI tables do not fit");
	job->rsdp = BOOT_ACPI;
	return boot_job_reserve(
		job, BOOT_ACPI, job->acpi.len, job->acpi.data, job->acpi.len, "the ACPI tables");
}

int boot_job_mp(struct boot_job *job)
{
	if (!job->config->irqchip)
		return 0;
	boot_mp_build(&job->mp, BOOT_MP_TABLE, job->config);
	if (job->mp.bad)
		return err_set(job->err, -ENOEXEC, "boot_load", job->config->name,
			"the MP table does not fit");
	return boot_job_reserve(
		job, BOOT_MP_TABLE, job->mp.len, job->mp.data, job->mp.len, "the MP table");
}

static int invalid(const struct boot_config *config, struct ukvmm_err *err, const char *text)
{
	return err_set(err, -EINVAL, "boot_load", config->name, "%s", text);
}

static int check_config(
	const struct boot_config *config, const struct mem *mem, struct ukvmm_err *err)
{
	if (!config->vcpus || config->vcpus > BOOT_VCPUS_MAX)
		return invalid(config, err, "the boot tables describe 1 to 254 vCPUs");
	if (config->modules > BOOT_MODULES)
		return invalid(config, err, "at most 16 modules");
	if (config->devices > X86_DEVICES)
		return invalid(config, err, "at most 16 devices");
	for (uint32_t i = 0; i < config->devices; i++) {
		const struct boot_device *d = &config->device[i];

		/* "4K" on the command line, 32-bit resources in ACPI */
		if (d->len != MEM_PAGE || d->gpa % MEM_PAGE || d->gpa > UINT32_MAX ||
			d->gsi >= X86_IOAPIC_PINS)
			return invalid(
				config, err, "a device is one page below 4 GiB with an IOAPIC pin");
	}
	if (config->image->pci_guest && config->devices + config->image->pci_devices)
		return err_set(err, -ENOTSUP, "boot_load", config->name,
			"%s looks for its devices on a PCI bus, which there is not here (they are virtio-mmio): %s",
			config->image->guest, config->image->pci_guest);
	if (!mem->regions || mem->region[0].gpa)
		return invalid(config, err, "RAM does not begin at 0");
	return 0;
}

/* One allocation for what is built before it is known to fit. */
static int make_room(struct boot_job *job, uint8_t **room)
{
	const struct boot_config *c = job->config;
	uint64_t cmdline = boot_cmdline_bytes(c->cmdline ? c->cmdline : "", c->devices);
	uint64_t acpi = boot_acpi_bytes(c), mp = boot_mp_bytes(c), modules = 0, text;

	for (uint32_t i = 0; i < c->modules; i++)
		modules += c->module[i].text ? strlen(c->module[i].text) + 1 : 0;
	if (cmdline > BOOT_CMDLINE_END - BOOT_CMDLINE || modules > BOOT_CMDLINE_END - BOOT_CMDLINE)
		return err_set(job->err, -E2BIG, "boot_load", c->name,
			"command line and module texts of %llu characters do not fit into the boot "
			"area",
			(unsigned long long)(cmdline + modules));
	text = cmdline + modules + boot_devtree_bytes(c, cmdline) + 4096;
	*room = malloc(text + acpi + mp);
	if (!*room)
		return err_set(
			job->err, -ENOMEM, "malloc", c->name, "no memory to build the boot tables");
	writer_init(&job->text, *room, text);
	writer_init(&job->acpi, *room + text, acpi);
	writer_init(&job->mp, *room + text + acpi, mp);
	return 0;
}

static int load(struct boot_job *job, struct x86_entry *entry)
{
	switch (job->image->protocol) {
	case BOOT_LINUX:
		return boot_load_linux(job, entry);
	case BOOT_PVH:
		return boot_load_pvh(job, entry);
	case BOOT_MULTIBOOT:
		return boot_load_multiboot(job, entry);
	case BOOT_HVT:
		return boot_load_hvt(job, entry);
	default:
		return err_set(job->err, -EINVAL, "boot_load", job->config->name,
			"the image was not parsed");
	}
}

int boot_load(const struct boot_config *config, const struct mem *mem, struct x86_entry *entry,
	struct ukvmm_err *err)
{
	struct boot_job job = {.config = config, .image = config->image, .mem = mem, .err = err};
	uint8_t *room;
	int rc = check_config(config, mem, err);

	if (rc)
		return rc;
	rc = make_room(&job, &room);
	if (rc)
		return rc;
	job.plan.name = config->name;
	job.plan.mem = mem;
	job.plan.err = err;
	*entry = (struct x86_entry){0};
	rc = load(&job, entry);
	free(room);
	return rc;
}
