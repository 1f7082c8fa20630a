/* SPDX-License-Identifier: Apache-2.0 */
/* One boot_load under way, and what the protocols share. */
#ifndef BOOT_JOB_H
#define BOOT_JOB_H

#include "boot.h"
#include "cursor.h"
#include "plan.h"

struct boot_job {
	const struct boot_config *config;
	const struct boot_image *image;
	const struct mem *mem;
	struct ukvmm_err *err;
	struct boot_plan plan;
	uint64_t module_gpa[BOOT_MODULES];
	struct writer text;	/* the command line's block, what goes with it included */
	struct writer acpi, mp; /* tables at BOOT_ACPI and BOOT_MP_TABLE */
	uint32_t cmdline_len;	/* without NUL */
	uint64_t rsdp;		/* gpa, 0: no ACPI tables */
};

/* The protocols: each plans, builds its tables, writes everything and sets *entry. */
int boot_load_linux(struct boot_job *job, struct x86_entry *entry);
int boot_load_pvh(struct boot_job *job, struct x86_entry *entry);
int boot_load_multiboot(struct boot_job *job, struct x86_entry *entry);
int boot_load_hvt(struct boot_job *job, struct x86_entry *entry);

/* Enters a fixed range; src may be NULL (written in place later). */
int boot_job_reserve(struct boot_job *job, uint64_t gpa, uint64_t len, const void *src,
	uint64_t src_len, const char *what);
/* Enters the image's segments, then its modules: high in low RAM, but by multiboot right behind the image. */
int boot_job_image(struct boot_job *job, const char *module_name);
/* Builds the command line (after `prefix`, a word of its own, if not empty) at the start of
 * job->text, NUL included. */
int boot_job_cmdline(struct boot_job *job, const char *prefix);
/* Builds and enters ACPI tables (and the MP table), if there is an interrupt chip to describe. */
int boot_job_acpi(struct boot_job *job);
int boot_job_mp(struct boot_job *job);

/* RAM as the guest is to see it: base memory, from 1 MiB, from 4 GiB. Returns how many. */
struct boot_ram {
	uint64_t gpa, len;
};
enum { BOOT_RAM_RANGES = 3 };
uint32_t boot_ram_ranges(const struct mem *mem, struct boot_ram ram[BOOT_RAM_RANGES]);

#endif
