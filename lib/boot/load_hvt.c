/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solo5's hvt: a 64-bit guest without any machine but memory, a CPU and hypercalls. As its own tender has it, what is
 * below the boot information is not mapped and the rest of the low megabyte is read-only; beyond that, what is in no
 * executable segment (heap, stack) cannot be executed, unless the configuration has it as that tender. What may not be
 * written is the host's to hold: see boot_hvt_read_only.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "checked.h"
#include "hvt_manifest.h"
#include "job.h"
#include "layout.h"
#include "le.h"
#include "tables.h"

#define LARGE_PAGE (2ull << 20)
#define PTE_PRESENT 1ull
#define PTE_WRITE 2ull
#define PTE_LARGE 0x80ull
#define PTE_NO_EXECUTE (1ull << 63)

enum {
	INFO_BYTES = 56,
	PAGE_ENTRIES = 512,
	DIRECTORIES = 4,
	STACK_BYTES = 64 << 10, /* what must be left for stack and heap */
};

static uint64_t image_end(const struct boot_job *job)
{
	return align_down(job->image->high + MEM_PAGE - 1, MEM_PAGE); /* below 4 GiB: boot_parse_hvt */
}

static uint64_t ram_bytes(const struct boot_job *job)
{
	return align_down(job->mem->region[0].len, LARGE_PAGE);
}

static uint64_t page_tables(const struct boot_job *job)
{
	return (image_end(job) + LARGE_PAGE - 1) / LARGE_PAGE;
}

static void add_manifest(struct boot_job *job, struct writer *w)
{
	writer_u32(w, HVT_MFT_VERSION);
	writer_u32(w, job->image->hvt_entries);
	for (uint32_t i = 0; i < job->image->hvt_entries; i++) {
		const struct boot_hvt_device *d = &job->config->hvt_device[i];
		size_t start = w->len;
		struct boot_hvt_entry e;

		boot_hvt_entry(job->image, i, &e);
		writer_bytes(w, e.name, sizeof e.name);
		writer_u32(w, (uint32_t)e.type);
		if (e.type == BOOT_HVT_BLOCK) {
			writer_u64(w, d->capacity);
			writer_u16(w, d->block_size);
			writer_zero(w, HVT_MFT_PROPERTIES - 10);
		} else {
			writer_bytes(w, d->mac, sizeof d->mac);
			writer_u16(w, d->mtu);
			writer_zero(w, HVT_MFT_PROPERTIES - 8);
		}
		writer_zero(w, HVT_MFT_PRIVATE);
		writer_u8(w, e.type != BOOT_HVT_FIRST);
		writer_zero(w, HVT_MFT_ENTRY - (w->len - start));
	}
}

static void build_info(struct boot_job *job, struct writer *w)
{
	uint64_t manifest = BOOT_HVT_INFO + INFO_BYTES;
	uint64_t cmdline = manifest + HVT_MFT_HEADER + (uint64_t)job->image->hvt_entries * HVT_MFT_ENTRY;

	writer_u64(w, ram_bytes(job));
	writer_u64(w, image_end(job));
	writer_u64(w, job->config->tsc_khz * 1000ull);
	writer_u64(w, cmdline);
	writer_u64(w, manifest);
	writer_zero(w, 16); /* features offered and accepted, network ring: none */
	add_manifest(job, w);
	writer_bytes(w, job->text.data, job->cmdline_len + 1);
}

static int refuse(struct boot_job *job, int code, const char *text)
{
	return err_set(job->err, code, "boot_load", job->config->name, "%s", text);
}

static int check(struct boot_job *job)
{
	const struct boot_config *c = job->config;

	if (c->modules)
		return refuse(job, -EINVAL, "a Solo5 hvt guest takes no initrd and no modules");
	if (c->vcpus != 1 || c->irqchip || c->devices)
		return refuse(job, -EINVAL, "a Solo5 hvt guest has one vCPU, no interrupt chip and no virtio devices");
	if (job->mem->regions != 1)
		return refuse(job, -EINVAL, "a Solo5 hvt guest can have 3 GiB of memory at most");
	if (!c->tsc_khz)
		return refuse(job, -ENOTSUP, "the host does not tell the rate of its TSC, a Solo5 hvt guest's only clock");
	if (image_end(job) + STACK_BYTES > ram_bytes(job))
		return err_set(job->err, -ENOSPC, "boot_load", c->name,
			"the image ends at %#llx: at least %llu MiB of memory are needed, the VM has %llu",
			(unsigned long long)image_end(job),
			(unsigned long long)(align_down(image_end(job) + STACK_BYTES + LARGE_PAGE - 1, LARGE_PAGE) >> 20),
			(unsigned long long)(mem_bytes(job->mem) >> 20));
	if (page_tables(job) * MEM_PAGE > BOOT_HVT_PT_END - BOOT_HVT_PT)
		return refuse(job, -ENOEXEC, "the image ends above 448 MiB");
	return 0;
}

static int plan(struct boot_job *job, struct writer *info)
{
	int rc = check(job);

	if (!rc)
		rc = boot_job_reserve(job, 0, BOOT_HVT_INFO, NULL, 0, "the page tables");
	if (!rc)
		rc = boot_job_reserve(job, BOOT_HVT_PT, page_tables(job) * MEM_PAGE, NULL, 0, "the page tables");
	if (!rc)
		rc = boot_job_image(job, "module");
	if (!rc)
		rc = boot_job_cmdline(job, "");
	if (rc)
		return rc;
	build_info(job, info);
	if (info->bad)
		return refuse(job, -E2BIG, "manifest and command line do not fit into the boot information");
	return boot_job_reserve(job, BOOT_HVT_INFO, info->len, info->data, info->len, "the boot information");
}

/* Of a page of heap, stack or data. */
static uint64_t data_bits(const struct boot_job *job)
{
	return PTE_PRESENT | PTE_WRITE | (job->config->hvt_exec_data ? 0 : PTE_NO_EXECUTE);
}

/* Of a page: 0 is not mapped. A page that two segments share can be executed if either can. */
static uint64_t protection(const struct boot_job *job, uint64_t page)
{
	const struct boot_image *image = job->image;
	uint64_t bits = data_bits(job);

	if (page < BOOT_HVT_INFO)
		return 0;
	if (page < BOOT_HIGH_RAM)
		return PTE_PRESENT | PTE_NO_EXECUTE;
	for (uint32_t i = 0; i < image->segments; i++) {
		const struct boot_segment *s = &image->segment[i];

		if (s->flags & PF_X && overlaps(page, MEM_PAGE, s->gpa, s->mem_bytes))
			bits &= ~PTE_NO_EXECUTE;
	}
	return bits;
}

static bool written(const struct boot_image *image, uint64_t page)
{
	for (uint32_t i = 0; i < image->segments; i++) {
		const struct boot_segment *s = &image->segment[i];

		if (s->flags & PF_W && overlaps(page, MEM_PAGE, s->gpa, s->mem_bytes))
			return true;
	}
	return false;
}

/* Segments overlap in their first and last pages at most: boot_job_image. */
bool boot_hvt_read_only(const struct boot_image *image, uint32_t i, uint64_t *gpa, uint64_t *len)
{
	const struct boot_segment *s = &image->segment[i];
	uint64_t end = align_down(s->gpa + s->mem_bytes + MEM_PAGE - 1, MEM_PAGE);

	*gpa = align_down(s->gpa, MEM_PAGE);
	if (s->flags & PF_W)
		return false;
	if (*gpa < end && written(image, *gpa))
		*gpa += MEM_PAGE;
	if (*gpa < end && written(image, end - MEM_PAGE))
		end -= MEM_PAGE;
	*len = end - *gpa;
	return *gpa < end;
}

static void write_page_tables(const struct boot_job *job)
{
	uint8_t *pdpt = mem_ptr(job->mem, BOOT_PDPT, MEM_PAGE);
	uint8_t *pd = mem_ptr(job->mem, BOOT_PD, DIRECTORIES * MEM_PAGE);
	uint64_t tables = page_tables(job);
	uint8_t *pt = mem_ptr(job->mem, BOOT_HVT_PT, tables * MEM_PAGE);

	put64(mem_ptr(job->mem, BOOT_PML4, MEM_PAGE), 0, BOOT_PDPT | PTE_PRESENT | PTE_WRITE);
	for (size_t i = 0; i < DIRECTORIES; i++)
		put64(pdpt, i * 8, (BOOT_PD + i * MEM_PAGE) | PTE_PRESENT | PTE_WRITE);
	for (uint64_t i = 0; i < ram_bytes(job) / LARGE_PAGE; i++)
		put64(pd, i * 8, i < tables ? (BOOT_HVT_PT + i * MEM_PAGE) | PTE_PRESENT | PTE_WRITE :
			i * LARGE_PAGE | PTE_LARGE | data_bits(job));
	for (uint64_t i = 0; i < tables * PAGE_ENTRIES; i++) {
		uint64_t bits = protection(job, i * MEM_PAGE);

		put64(pt, i * 8, bits ? i * MEM_PAGE | bits : 0);
	}
}

int boot_load_hvt(struct boot_job *job, struct x86_entry *entry)
{
	uint8_t block[BOOT_HVT_INFO_END - BOOT_HVT_INFO];
	struct writer info;
	int rc;

	writer_init(&info, block, sizeof block);
	rc = plan(job, &info);
	if (rc)
		return rc;
	boot_plan_write(&job->plan);
	boot_gdt_write(job->mem, X86_LONG, entry);
	write_page_tables(job);
	entry->hardened = true;
	entry->cr3 = BOOT_PML4;
	entry->rip = job->image->entry;
	entry->rdi = BOOT_HVT_INFO;
	entry->rsp = ram_bytes(job) - 8; /* as after a call: 16-byte aligned before the return address */
	return 0;
}
