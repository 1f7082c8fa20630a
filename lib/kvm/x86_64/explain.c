/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "kvm_x86.h"

enum { INSN_MAX = 15, INSN_SHOWN = 8, NEAR_LSTAR = 256 };

#define EFER_SCE 1u
#define EFER_LMA (1u << 10)
#define MSR_LSTAR 0xc0000082u

struct insn_bytes {
	uint8_t byte[INSN_MAX];
	size_t len;
};

/* Guest-virtual bytes, as many as there are up to `len`, page by page. */
static void read_virt(struct kvm_vcpu *vcpu, uint64_t virt, struct insn_bytes *out, size_t len)
{
	const struct mem *mem = vcpu->vm->mem;

	out->len = 0;
	while (mem->backed && out->len < len) {
		size_t in_page = MEM_PAGE - (virt + out->len) % MEM_PAGE, n = len - out->len;
		uint64_t phys;

		if (n > in_page)
			n = in_page;
		if (kvm_vcpu_translate(vcpu, virt + out->len, &phys) ||
			mem_read(mem, phys, out->byte + out->len, n))
			return;
		out->len += n;
	}
}

/* What KVM fetched is better than what is in memory now; kernels before 5.15 do not tell it. */
static void refused_bytes(struct kvm_vcpu *vcpu, uint64_t rip, struct insn_bytes *out)
{
	const struct kvm_run *run = vcpu->run;
	bool told = run->emulation_failure.ndata >= 3 && run->emulation_failure.insn_size &&
		(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);

	if (!told) {
		read_virt(vcpu, rip, out, INSN_MAX);
		return;
	}
	out->len = run->emulation_failure.insn_size;
	if (out->len > INSN_MAX)
		out->len = INSN_MAX;
	memcpy(out->byte, run->emulation_failure.insn_bytes, out->len);
}

static void to_hex(const struct insn_bytes *in, char hex[static 3 * INSN_SHOWN + 1])
{
	size_t n = in->len < INSN_SHOWN ? in->len : INSN_SHOWN;

	snprintf(hex, 3 * INSN_SHOWN + 1, "%s", n ? "" : "unreadable");
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 3 * i, 4, i + 1 < n ? "%02x " : "%02x", in->byte[i]);
}

static int explain_emulation(struct kvm_vcpu *vcpu, const struct ukvmm_x86_regs *r, struct ukvmm_err *err)
{
	bool long_mode = r->efer & EFER_LMA, pvm = vcpu->vm->host->vendor == KVM_VENDOR_PVM;
	uint64_t rip = long_mode ? r->rip : r->cs_base + r->rip;
	char hex[3 * INSN_SHOWN + 1];
	struct insn_bytes bytes;

	refused_bytes(vcpu, rip, &bytes);
	to_hex(&bytes, hex);
	/* On the others KVM emulates only accesses to device memory, and code that lies there. */
	return err_set(err, -EOPNOTSUPP, "KVM_RUN", vcpu->name,
		"%s's emulator refuses %s (%s) at 0x%llx, ring %u; %s",
		kvm_vendor_name(vcpu->vm->host->vendor), x86_insn_name(bytes.byte, bytes.len, long_mode), hex,
		(unsigned long long)rip, r->cpl,
		pvm ? "a kvm_intel or kvm_amd host runs it" : "it touches or lies in device memory");
}

/*
 * kvm_pvm loads RIP from LSTAR on SYSCALL, but stays in ring 3: the kernel's page is then not fetchable, or
 * its first privileged instruction faults.
 */
static bool is_broken_syscall(struct kvm_vcpu *vcpu, const struct ukvmm_x86_regs *r)
{
	uint64_t lstar;

	if (vcpu->vm->host->vendor != KVM_VENDOR_PVM || r->cpl != 3 || !(r->efer & EFER_SCE))
		return false;
	if (x86_msr_read(vcpu, MSR_LSTAR, &lstar) || !lstar)
		return false;
	return r->rip >= lstar && r->rip - lstar < NEAR_LSTAR;
}

static int explain_shutdown(struct kvm_vcpu *vcpu, const struct ukvmm_x86_regs *r, bool *broken_syscall,
	struct ukvmm_err *err)
{
	*broken_syscall = is_broken_syscall(vcpu, r);
	if (*broken_syscall)
		/* RCX: where it would have returned to (SDM vol. 2 SYSCALL) */
		return err_set(err, -EOPNOTSUPP, "KVM_RUN", vcpu->name,
			"kvm_pvm cannot take SYSCALL (0f 05 at 0x%llx) from ring 3 to ring 0: no user space; "
			"a kvm_intel or kvm_amd host runs it",
			(unsigned long long)(r->rcx - 2));
	return err_set(err, -EIO, "KVM_RUN", vcpu->name,
		"triple fault at 0x%llx, ring %u: an exception with no usable handler",
		(unsigned long long)r->rip, r->cpl);
}

static int explain_internal(struct kvm_vcpu *vcpu, const struct ukvmm_x86_regs *r, struct ukvmm_err *err)
{
	const struct kvm_run *run = vcpu->run;
	const char *what = "an internal error";
	unsigned long long detail = run->internal.ndata ? run->internal.data[0] : 0;

	switch (run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return explain_emulation(vcpu, r, err);
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		what = "a fault while it delivered another";
		break;
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		what = "an exit while it delivered an event";
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		what = "a hardware exit unknown to it";
		break;
	}
	return err_set(err, -EIO, "KVM_RUN", vcpu->name,
		"%s met %s (suberror %u, data 0x%llx) at 0x%llx, ring %u: see the host's kernel log",
		kvm_vendor_name(vcpu->vm->host->vendor), what, run->internal.suberror, detail,
		(unsigned long long)r->rip, r->cpl);
}

int kvm_vcpu_explain(struct kvm_vcpu *vcpu, bool *broken_syscall, struct ukvmm_err *err)
{
	const struct kvm_run *run = vcpu->run;
	struct ukvmm_x86_regs r;
	int rc = kvm_vcpu_regs(vcpu, &r);

	*broken_syscall = false;
	if (rc)
		return kvm_fail(err, rc, "KVM_GET_REGS", vcpu->name);
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		return explain_shutdown(vcpu, &r, broken_syscall, err);
	case KVM_EXIT_INTERNAL_ERROR:
		return explain_internal(vcpu, &r, err);
	case KVM_EXIT_FAIL_ENTRY:
		return err_set(err, -EIO, "KVM_RUN", vcpu->name,
			"the CPU refuses the guest's state (reason 0x%llx) at 0x%llx, ring %u",
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason,
			(unsigned long long)r.rip, r.cpl);
	}
	return err_set(err, -EIO, "KVM_RUN", vcpu->name, "KVM ended the run with reason %u at 0x%llx, ring %u",
		run->exit_reason, (unsigned long long)r.rip, r.cpl);
}
