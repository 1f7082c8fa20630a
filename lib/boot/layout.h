/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86_64: where the loader puts things in the first megabyte. Close to Firecracker's map, against
 * which guests are tested. Rules that the addresses keep:
 *  - nothing in 0x1000-0x2fff (OSv and IncludeOS overwrite it on entry);
 *  - 0x7daa downwards is zero (Nanos keeps its region table there, in the tail of the zero page);
 *  - no page table in 0x7c00-0x7fff, and 0xfd000-0xfffff empty (stack and tables of PVH entries);
 *  - the multiboot block is above 0x9d400 (IncludeOS's stack grows down from 0x9d3f0);
 *  - RSDP and MP table where scans begin (0xe0000, the last KiB of base memory).
 * All of the first megabyte is RAM, the part that no memory map shows included.
 */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

#define BOOT_BDA_COM1	    0x400u /* BIOS data area: port of COM1 (rumprun picks its console by it) */
#define BOOT_GDT	    0x500u
#define BOOT_GDT_END	    0x540u
#define BOOT_START_INFO	    0x6000u /* PVH start_info, module list, memory map */
#define BOOT_START_INFO_END 0x7000u
#define BOOT_ZERO_PAGE	    0x7000u
#define BOOT_STACK_LOW	    0x8000u /* a boot stack for guests that push at once */
#define BOOT_STACK	    0x8ff0u
#define BOOT_PML4	    0x9000u
#define BOOT_PDPT	    0xa000u
#define BOOT_PD		    0xb000u /* four, one a GiB */
#define BOOT_PD_END	    0xf000u
#define BOOT_CMDLINE	    0x20000u /* command line, then setup_data: random seed, device tree */
#define BOOT_CMDLINE_END    0x9d000u
#define BOOT_MULTIBOOT_INFO 0x9d400u /* information, memory map, modules, strings */
#define BOOT_MULTIBOOT_END  0x9fc00u
#define BOOT_LOW_RAM_END    0x9fc00u /* end of base memory in every memory map */
#define BOOT_MP_TABLE	    0x9fc00u
#define BOOT_ACPI	    0xe0000u /* RSDP, then the other tables */
#define BOOT_ACPI_END	    0xf0000u
#define BOOT_HIGH_RAM	    0x100000u

/* Solo5 hvt: everything below the boot information is not mapped, from there to 1 MiB it is read-only.
 * PML4, page directories and GDT are where the other protocols have them. */
#define BOOT_HVT_INFO	   0x10000u /* boot information, manifest, command line */
#define BOOT_HVT_INFO_END  0x20000u
#define BOOT_HVT_PT	   0x20000u /* page tables: one per 2 MiB up to the image's end */
#define BOOT_HVT_PT_END	   0x100000u

/* Selectors: Hermit's loader demands CS 0x08. */
#define BOOT_CS 0x08u
#define BOOT_DS 0x10u
#define BOOT_TR 0x18u

#define BOOT_CMDLINE_MAX	   65535u /* where the protocol names no limit */
#define BOOT_LINUX_CMDLINE_MAX	   2047u  /* COMMAND_LINE_SIZE - 1 of Linux on x86 */
#define BOOT_MULTIBOOT_CMDLINE_MAX 8191u  /* what the multiboot block is sure to have room for */
#define BOOT_VCPUS_MAX		   254u	  /* 8-bit APIC ids, with one left for the IOAPIC */

#endif
