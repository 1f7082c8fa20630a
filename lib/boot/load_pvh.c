/* SPDX-License-Identifier: Apache-2.0 */
/* PVH direct boot: xen/include/public/arch-x86/hvm/start_info.h, version 1. */
#include <errno.h>
#include <string.h>

#include "job.h"
#include "layout.h"
#include "tables.h"

enum {
	START_INFO_MAGIC = 0x336ec578,
	START_INFO_BYTES = 56,
	MODULE_LIST = 64, /* offset in the block: aligned, behind start_info */
	MODULE_BYTES = 32,
	MEMORY_RAM = 1, /* types as in e820 */
	BLOCK_BYTES = 1024,
};

static uint64_t module_text(struct boot_job *job, const struct boot_module *m)
{
	uint64_t gpa = BOOT_CMDLINE + job->text.len;

	if (!m->text)
		return 0;
	writer_bytes(&job->text, m->text, strlen(m->text) + 1);
	return gpa;
}

static void add_modules(struct boot_job *job, struct writer *w)
{
	for (uint32_t i = 0; i < job->config->modules; i++) {
		writer_u64(w, job->module_gpa[i]);
		writer_u64(w, job->config->module[i].len);
		writer_u64(w, module_text(job, &job->config->module[i]));
		writer_u64(w, 0);
	}
}

static uint32_t add_memory_map(struct boot_job *job, struct writer *w)
{
	struct boot_ram ram[BOOT_RAM_RANGES];
	uint32_t n = boot_ram_ranges(job->mem, ram);

	for (uint32_t i = 0; i < n; i++) {
		writer_u64(w, ram[i].gpa);
		writer_u64(w, ram[i].len);
		writer_u32(w, MEMORY_RAM);
		writer_u32(w, 0);
	}
	return n;
}

static void build_start_info(struct boot_job *job, struct writer *w)
{
	struct writer head;
	size_t map;
	uint32_t entries;

	writer_zero(w, MODULE_LIST);
	add_modules(job, w);
	map = w->len;
	entries = add_memory_map(job, w);
	writer_init(&head, w->data, START_INFO_BYTES);
	writer_u32(&head, START_INFO_MAGIC);
	writer_u32(&head, 1); /* version */
	writer_u32(&head, 0);
	writer_u32(&head, job->config->modules);
	writer_u64(&head, job->config->modules ? BOOT_START_INFO + MODULE_LIST : 0);
	writer_u64(&head, BOOT_CMDLINE);
	writer_u64(&head, job->rsdp);
	writer_u64(&head, BOOT_START_INFO + map);
	writer_u32(&head, entries);
	writer_u32(&head, 0);
}

static int plan(struct boot_job *job, struct writer *info)
{
	int rc = boot_job_reserve(job, 0, BOOT_GDT_END, NULL, 0, "the BIOS data area and GDT");

	if (!rc)
		rc = boot_job_image(job, "module");
	if (!rc)
		rc = boot_job_acpi(job);
	if (!rc)
		rc = boot_job_mp(job);
	if (!rc)
		rc = boot_job_cmdline(job, "");
	if (rc)
		return rc;
	build_start_info(job, info);
	if (info->bad || job->text.bad || job->text.len > BOOT_CMDLINE_END - BOOT_CMDLINE)
		return err_set(job->err, -E2BIG, "boot_load", job->config->name,
			"command line and module texts do not fit into the boot area");
	rc = boot_job_reserve(
		job, BOOT_START_INFO, info->len, info->data, info->len, "the start info");
	if (rc)
		return rc;
	return boot_job_reserve(job, BOOT_CMDLINE, job->text.len, job->text.data, job->text.len,
		"the command line");
}

int boot_load_pvh(struct boot_job *job, struct x86_entry *entry)
{
	uint8_t block[BLOCK_BYTES];
	struct writer info;
	int rc;

	writer_init(&info, block, sizeof block);
	rc = plan(job, &info);
	if (rc)
		return rc;
	boot_plan_write(&job->plan);
	boot_gdt_write(job->mem, X86_PROT32, entry);
	entry->rip = job->image->entry;
	entry->rbx = BOOT_START_INFO;
	entry->rsp = BOOT_STACK;
	return 0;
}
