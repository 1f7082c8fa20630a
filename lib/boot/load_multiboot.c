/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot specification 0.6.96, sections 3.2 and 3.3. Everything that the information structure
 * points to is in one block with it, out of the way of what guests do below it. */
#include <errno.h>
#include <string.h>

#include "job.h"
#include "layout.h"
#include "tables.h"

enum {
	LOADER_MAGIC = 0x2badb002,
	INFO_BYTES = 96, /* up to and without the VBE fields, padded */
	HAS_MEMORY = 1 << 0,
	HAS_CMDLINE = 1 << 2,
	HAS_MODULES = 1 << 3,
	HAS_MEMORY_MAP = 1 << 6,
	HAS_LOADER_NAME = 1 << 9,
	MODULE_BYTES = 16,
	MAP_ENTRY_BYTES = 24, /* its own size field included */
	AVAILABLE = 1,
};

static uint32_t gpa_of(const struct writer *w)
{
	return (uint32_t)(BOOT_MULTIBOOT_INFO + w->len);
}

/* An entry begins exactly at 1 MiB: Solo5 and rumprun look for that one. */
static uint32_t add_memory_map(struct boot_job *job, struct writer *w)
{
	struct boot_ram ram[BOOT_RAM_RANGES];
	uint32_t n = boot_ram_ranges(job->mem, ram);

	for (uint32_t i = 0; i < n; i++) {
		writer_u32(w, MAP_ENTRY_BYTES - 4);
		writer_u64(w, ram[i].gpa);
		writer_u64(w, ram[i].len);
		writer_u32(w, AVAILABLE);
	}
	return n * MAP_ENTRY_BYTES;
}

/* The list, whose strings follow behind it. */
static void add_modules(struct boot_job *job, struct writer *w)
{
	uint32_t text = gpa_of(w) + job->config->modules * MODULE_BYTES;

	for (uint32_t i = 0; i < job->config->modules; i++) {
		const struct boot_module *m = &job->config->module[i];

		writer_u32(w, (uint32_t)job->module_gpa[i]);
		writer_u32(w, (uint32_t)(job->module_gpa[i] + m->len));
		writer_u32(w, text);
		writer_u32(w, 0);
		text += m->text ? (uint32_t)strlen(m->text) + 1 : 1;
	}
	for (uint32_t i = 0; i < job->config->modules; i++) {
		const char *s = job->config->module[i].text ? job->config->module[i].text : "";

		writer_bytes(w, s, strlen(s) + 1);
	}
}

static void build_info(struct boot_job *job, struct writer *w)
{
	uint32_t map, map_bytes, modules, name, cmdline;
	struct writer head;

	writer_zero(w, INFO_BYTES);
	map = gpa_of(w);
	map_bytes = add_memory_map(job, w);
	modules = gpa_of(w);
	add_modules(job, w);
	name = gpa_of(w);
	writer_bytes(w, "ukvmm", 6);
	cmdline = gpa_of(w);
	writer_bytes(w, job->text.data, job->cmdline_len + 1);
	writer_init(&head, w->data, INFO_BYTES);
	writer_u32(&head, HAS_MEMORY | HAS_CMDLINE | HAS_MEMORY_MAP | HAS_LOADER_NAME |
				  (job->config->modules ? HAS_MODULES : 0));
	writer_u32(&head, BOOT_LOW_RAM_END >> 10);
	writer_u32(&head, (uint32_t)((job->mem->region[0].len - BOOT_HIGH_RAM) >> 10));
	writer_u32(&head, 0); /* boot device */
	writer_u32(&head, cmdline);
	writer_u32(&head, job->config->modules);
	writer_u32(&head, job->config->modules ? modules : 0);
	writer_zero(&head, 16); /* symbols */
	writer_u32(&head, map_bytes);
	writer_u32(&head, map);
	writer_zero(&head, 12); /* drives, configuration table */
	writer_u32(&head, name);
}

static int plan(struct boot_job *job, struct writer *info)
{
	int rc;

	if (job->mem->region[0].len <= BOOT_HIGH_RAM)
		return err_set(job->err, -ENOSPC, "boot_load", job->config->name,
			"a multiboot guest needs at least 2 MiB of RAM");
	rc = boot_job_reserve(job, 0, BOOT_GDT_END, NULL, 0, "the BIOS data area and GDT");
	if (!rc)
		rc = boot_job_image(job, "module");
	if (!rc)
		rc = boot_job_acpi(job);
	/* the first word is the kernel's name, as every multiboot loader has it: Solo5 drops it */
	if (!rc)
		rc = boot_job_cmdline(job, "kernel");
	if (rc)
		return rc;
	build_info(job, info);
	if (info->bad)
		return err_set(job->err, -E2BIG, "boot_load", job->config->name,
			"command line and module texts do not fit into the multiboot block of %u "
			"bytes",
			BOOT_MULTIBOOT_END - BOOT_MULTIBOOT_INFO);
	return boot_job_reserve(job, BOOT_MULTIBOOT_INFO, info->len, info->data, info->len,
		"the multiboot information");
}

int boot_load_multiboot(struct boot_job *job, struct x86_entry *entry)
{
	uint8_t block[BOOT_MULTIBOOT_END - BOOT_MULTIBOOT_INFO];
	struct writer info;
	int rc;

	writer_init(&info, block, sizeof block);
	rc = plan(job, &info);
	if (rc)
		return rc;
	boot_plan_write(&job->plan);
	boot_gdt_write(job->mem, X86_PROT32, entry);
	entry->rip = job->image->entry;
	entry->rax = LOADER_MAGIC;
	entry->rbx = BOOT_MULTIBOOT_INFO;
	entry->rsp = BOOT_STACK;
	return 0;
}
