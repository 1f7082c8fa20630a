/* SPDX-License-Identifier: Apache-2.0 */
/* The 64-bit Linux protocol (boot.rst "64-bit boot protocol"), in the form that every guest entered
 * by it accepts: Linux, Nanos, OSv, Unikraft, Hermit and ours. */
#include <errno.h>
#include <string.h>

#include "job.h"
#include "layout.h"
#include "le.h"
#include "tables.h"

enum {
	SETUP_DTB = 2,
	SETUP_RNG_SEED = 9,
	SETUP_DATA_BYTES = 16, /* next u64, type u32, len u32 */
};

static int reserve_tables(struct boot_job *job)
{
	int rc = boot_job_reserve(job, 0, BOOT_GDT_END, NULL, 0, "the BIOS data area and GDT");

	if (!rc)
		rc = boot_job_reserve(job, BOOT_ZERO_PAGE, MEM_PAGE, NULL, 0, "the zero page");
	if (!rc)
		rc = boot_job_reserve(job, BOOT_STACK_LOW, MEM_PAGE, NULL, 0, "the boot stack");
	if (!rc)
		rc = boot_job_reserve(
			job, BOOT_PML4, BOOT_PD_END - BOOT_PML4, NULL, 0, "the page tables");
	return rc;
}

/* Starts a setup_data node in the block at BOOT_CMDLINE; its gpa. The length is set by the caller.
 */
static uint64_t begin_setup_data(struct writer *w, uint32_t type)
{
	uint64_t gpa;

	writer_zero(w, (SETUP_DATA_BYTES - w->len % SETUP_DATA_BYTES) % SETUP_DATA_BYTES);
	gpa = BOOT_CMDLINE + w->len;
	writer_u64(w, 0);
	writer_u32(w, type);
	writer_u32(w, 0);
	return gpa;
}

static uint64_t add_seed(struct boot_job *job)
{
	struct writer *w = &job->text;
	uint64_t gpa = begin_setup_data(w, SETUP_RNG_SEED);

	writer_bytes(w, job->config->seed, sizeof job->config->seed);
	if (!w->bad)
		put32(w->data, gpa - BOOT_CMDLINE + 12, sizeof job->config->seed);
	return gpa;
}

/* Linux itself gets none: it has ACPI, and a kernel with CONFIG_OF would count CPUs twice and take
 * the devices of the tree without their interrupts. */
static bool wants_devtree(const struct boot_image *image)
{
	return strncmp(image->guest, "Linux", 5) != 0;
}

static int add_devtree(struct boot_job *job, uint64_t previous)
{
	struct writer *w = &job->text;
	uint64_t gpa = begin_setup_data(w, SETUP_DTB);
	struct boot_devtree d = {
		.config = job->config,
		.mem = job->mem,
		.cmdline = (const char *)w->data,
		.initrd = job->module_gpa[0],
		.initrd_bytes = job->config->modules ? job->config->module[0].len : 0,
	};
	int len = w->bad ? -ENOSPC : boot_devtree_build(&d, w->data + w->len, w->cap - w->len);

	if (len < 0)
		return err_set(job->err, -E2BIG, "boot_load", job->config->name,
			"the device tree does not fit");
	w->len += (size_t)len;
	put64(w->data, previous - BOOT_CMDLINE, gpa); /* next */
	put32(w->data, gpa - BOOT_CMDLINE + 12, (uint32_t)len);
	return 0;
}

/* Command line, seed and device tree share a block: most often one page. */
static int add_text(struct boot_job *job, struct boot_zero_page *z)
{
	int rc = boot_job_cmdline(job, "");

	if (rc)
		return rc;
	z->cmdline_len = job->cmdline_len;
	z->setup_data = add_seed(job);
	if (wants_devtree(job->image)) {
		rc = add_devtree(job, z->setup_data);
		if (rc)
			return rc;
	}
	if (job->text.bad || job->text.len > BOOT_CMDLINE_END - BOOT_CMDLINE)
		return err_set(job->err, -E2BIG, "boot_load", job->config->name,
			"command line and device tree do not fit into the boot area");
	return boot_job_reserve(job, BOOT_CMDLINE, job->text.len, job->text.data, job->text.len,
		"the command line");
}

static int plan(struct boot_job *job, struct boot_zero_page *z)
{
	int rc = reserve_tables(job);

	if (rc)
		return rc;
	if (job->config->modules > 1)
		return err_set(job->err, -EINVAL, "boot_load", job->config->name,
			"the Linux protocol takes one module, the initrd; %u were given",
			job->config->modules);
	rc = boot_job_image(job, "initrd");
	if (!rc)
		rc = add_text(job, z);
	if (!rc)
		rc = boot_job_acpi(job);
	if (!rc)
		rc = boot_job_mp(job);
	return rc;
}

int boot_load_linux(struct boot_job *job, struct x86_entry *entry)
{
	struct boot_zero_page z = {0};
	int rc = plan(job, &z);

	if (rc)
		return rc;
	if (job->config->modules) {
		z.initrd = job->module_gpa[0];
		z.initrd_bytes = job->config->module[0].len;
	}
	z.rsdp = job->rsdp;
	boot_plan_write(&job->plan);
	boot_gdt_write(job->mem, X86_LONG, entry);
	boot_page_tables_write(job->mem, job->image);
	boot_zero_page_write(job->mem, job->image, &z);
	entry->rip = job->image->entry;
	entry->rsi = BOOT_ZERO_PAGE;
	entry->rsp = entry->rbp = BOOT_STACK;
	entry->cr3 = BOOT_PML4;
	return 0;
}
