/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <ukvmm/x86.h>

#include "kvm_x86.h"
#include "x86_map.h"

#define CR0_PE 1u
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)
#define CR4_PAE (1u << 5)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)
#define RFLAGS_ALWAYS 2u
#define APIC_BASE_BSP (1u << 8)
#define APIC_BASE_ENABLE (1u << 11)

/* Types with the accessed bit set, as after a load from the GDT (Intel SDM vol. 3 §3.4.5.1, §3.5). */
enum { TYPE_DATA = 3, TYPE_CODE = 11, TYPE_LDT = 2, TYPE_BUSY_TSS = 11 };

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static struct kvm_segment code(const struct x86_entry *entry)
{
	struct kvm_segment s = flat(entry->cs, TYPE_CODE);

	s.l = entry->mode == X86_LONG;
	s.db = !s.l;
	return s;
}

/* LDTR and TR: system segments. VM entry demands a busy TSS (SDM vol. 3 §27.3.1.2). */
static struct kvm_segment system_segment(uint16_t selector, uint8_t type, uint32_t limit)
{
	return (struct kvm_segment){ .selector = selector, .type = type, .limit = limit, .present = 1 };
}

static void fill_sregs(struct kvm_sregs *s, const struct x86_entry *entry)
{
	struct kvm_segment data = flat(entry->ds, TYPE_DATA);
	bool is_long = entry->mode == X86_LONG;

	*s = (struct kvm_sregs){
		.cs = code(entry),
		.ds = data,
		.es = data,
		.fs = data,
		.gs = data,
		.ss = data,
		.tr = system_segment(entry->tr, TYPE_BUSY_TSS, 0x67),
		.ldt = system_segment(0, TYPE_LDT, 0xffff),
		.gdt = { .base = entry->gdt_base, .limit = entry->gdt_limit },
		.idt = { .base = entry->idt_base, .limit = entry->idt_limit },
		.cr0 = CR0_PE | CR0_ET | (is_long ? CR0_PG : 0),
		.cr3 = is_long ? entry->cr3 : 0,
		.cr4 = is_long ? CR4_PAE : 0,
		.efer = is_long ? EFER_LME | EFER_LMA : 0,
		.apic_base = X86_LAPIC_BASE | APIC_BASE_ENABLE | APIC_BASE_BSP,
	};
	if (!entry->hardened || !is_long)
		return;
	s->cr0 |= CR0_NE | CR0_WP;
	s->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	s->efer |= EFER_NXE;
}

static void fill_regs(struct kvm_regs *r, const struct x86_entry *entry)
{
	*r = (struct kvm_regs){
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rcx = entry->rcx,
		.rdx = entry->rdx,
		.rsi = entry->rsi,
		.rdi = entry->rdi,
		.rsp = entry->rsp,
		.rbp = entry->rbp,
		.rip = entry->rip,
		.rflags = RFLAGS_ALWAYS,
	};
}

static int set_by_ioctl(struct kvm_vcpu *vcpu, const struct x86_entry *entry, struct ukvmm_err *err)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int rc;

	fill_sregs(&sregs, entry);
	fill_regs(&regs, entry);
	rc = vcpu_ioctl_p(vcpu, KVM_SET_SREGS, &sregs);
	if (rc < 0)
		return kvm_fail(err, rc, "KVM_SET_SREGS", vcpu->name);
	rc = vcpu_ioctl_p(vcpu, KVM_SET_REGS, &regs);
	return rc < 0 ? kvm_fail(err, rc, "KVM_SET_REGS", vcpu->name) : 0;
}

/*
 * The FPU is not set: a new vCPU has it in its initial state (FCW 0x37f, MXCSR 0x1f80), as the protocols want.
 * Nor are the registers read first: everything in them is known. Where KVM takes them from the run
 * structure, they go in with the first KVM_RUN: 9 us less than two calls.
 */
int kvm_vcpu_enter_at(struct kvm_vcpu *vcpu, const struct x86_entry *entry, struct ukvmm_err *err)
{
	struct kvm_sync_regs *sync = &vcpu->run->s.regs;

	if (entry->mode != X86_LONG && entry->mode != X86_PROT32)
		return err_set(err, -EINVAL, "kvm_vcpu_enter_at", vcpu->name, "unknown mode");
	if (!vcpu->vm->host->has_sync_regs)
		return set_by_ioctl(vcpu, entry, err);
	fill_sregs(&sync->sregs, entry);
	fill_regs(&sync->regs, entry);
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_SREGS | KVM_SYNC_X86_REGS;
	vcpu->io_pending = true; /* kvm_vcpu_complete brings them in */
	return 0;
}

int kvm_arch_vcpu_init(struct kvm_vcpu *vcpu, struct ukvmm_err *err)
{
	int rc = x86_cpuid_set(vcpu, err);

	/* LINT0 of the boot vCPU is ExtINT already: KVM's documented reset value (api.rst,
	 * KVM_X86_QUIRK_LINT0_REENABLED). Nothing here raises LINT1, and the two ioctls would cost 25 us. */
	return rc ? rc : x86_msrs_defaults(vcpu, err);
}

static void copy_general(struct ukvmm_x86_regs *out, const struct kvm_regs *r)
{
	out->rax = r->rax;
	out->rbx = r->rbx;
	out->rcx = r->rcx;
	out->rdx = r->rdx;
	out->rsi = r->rsi;
	out->rdi = r->rdi;
	out->rsp = r->rsp;
	out->rbp = r->rbp;
	out->r8 = r->r8;
	out->r9 = r->r9;
	out->r10 = r->r10;
	out->r11 = r->r11;
	out->r12 = r->r12;
	out->r13 = r->r13;
	out->r14 = r->r14;
	out->r15 = r->r15;
	out->rip = r->rip;
	out->rflags = r->rflags;
}

static void copy_segments(struct ukvmm_x86_regs *out, const struct kvm_sregs *s)
{
	out->cs = s->cs.selector;
	out->ss = s->ss.selector;
	out->ds = s->ds.selector;
	out->es = s->es.selector;
	out->fs = s->fs.selector;
	out->gs = s->gs.selector;
	out->tr = s->tr.selector;
	out->cs_base = s->cs.base;
	out->ss_base = s->ss.base;
	out->ds_base = s->ds.base;
	out->es_base = s->es.base;
	out->fs_base = s->fs.base;
	out->gs_base = s->gs.base;
	out->tr_base = s->tr.base;
	out->gdt_base = s->gdt.base;
	out->gdt_limit = s->gdt.limit;
	out->idt_base = s->idt.base;
	out->idt_limit = s->idt.limit;
	out->cpl = s->ss.dpl; /* SDM vol. 3 §25.4.1: the CPL is SS.DPL */
}

int kvm_vcpu_regs(struct kvm_vcpu *vcpu, struct ukvmm_x86_regs *regs)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	int rc = vcpu_ioctl_p(vcpu, KVM_GET_REGS, &r);

	if (rc < 0)
		return rc;
	rc = vcpu_ioctl_p(vcpu, KVM_GET_SREGS, &s);
	if (rc < 0)
		return rc;
	*regs = (struct ukvmm_x86_regs){ .cr0 = s.cr0, .cr2 = s.cr2, .cr3 = s.cr3, .cr4 = s.cr4 };
	regs->efer = s.efer;
	regs->apic_base = s.apic_base;
	copy_general(regs, &r);
	copy_segments(regs, &s);
	return 0;
}

int kvm_vcpu_translate(struct kvm_vcpu *vcpu, uint64_t virt, uint64_t *phys)
{
	struct kvm_translation t = { .linear_address = virt };
	int rc = vcpu_ioctl_p(vcpu, KVM_TRANSLATE, &t);

	if (rc < 0)
		return rc;
	if (!t.valid)
		return -EFAULT;
	*phys = t.physical_address;
	return 0;
}
