/* SPDX-License-Identifier: Apache-2.0 */
/* What only x86_64 VMs have. On other architectures a non-NULL ukvmm_vm_config.x86 is -ENOTSUP. */
#ifndef UKVMM_X86_H
#define UKVMM_X86_H

#include "ukvmm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Interrupt chips. SPLIT: LAPIC in KVM; IOAPIC, PIC and PIT in the library, idle until programmed:
 * cheap to make and to close. FULL: all in KVM. NONE: no interrupts at all; HLT ends the VM. */
#define UKVMM_X86_IRQCHIP_AUTO 0u /* SPLIT */
#define UKVMM_X86_IRQCHIP_SPLIT 1u
#define UKVMM_X86_IRQCHIP_FULL 2u
#define UKVMM_X86_IRQCHIP_NONE 3u

struct ukvmm_x86_config {
	uint32_t size, flags;
	uint32_t irqchip;
	uint32_t reserved;
};

#define UKVMM_SPACE_X86_PORT 1u /* for ukvmm_vm_trap and stop.space */

/* What ukvmm_debug_regs copies on x86_64. */
struct ukvmm_x86_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, efer, apic_base;
	uint64_t cs_base, ss_base, ds_base, es_base, fs_base, gs_base, tr_base, gdt_base, idt_base;
	uint16_t cs, ss, ds, es, fs, gs, tr, gdt_limit, idt_limit, cpl, reserved[2];
};

#ifdef __cplusplus
}
#endif
#endif
