/* SPDX-License-Identifier: Apache-2.0 */
/* An ELF core (System V ABI, gABI 4.1 chapter 5; notes as Linux writes them) of a guest's vCPUs and memory. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <ukvmm/debug.h>
#include <ukvmm/x86.h>

#include "guest.h"

struct note {
	Elf64_Nhdr head;
	char name[8]; /* "CORE" */
	struct elf_prstatus status;
} __attribute__((packed));

static void fill_registers(struct user_regs_struct *u, const struct ukvmm_x86_regs *r)
{
	*u = (struct user_regs_struct){ .r15 = r->r15, .r14 = r->r14, .r13 = r->r13, .r12 = r->r12, .rbp = r->rbp,
		.rbx = r->rbx, .r11 = r->r11, .r10 = r->r10, .r9 = r->r9, .r8 = r->r8, .rax = r->rax, .rcx = r->rcx,
		.rdx = r->rdx, .rsi = r->rsi, .rdi = r->rdi, .orig_rax = ~0ull, .rip = r->rip, .cs = r->cs,
		.eflags = r->rflags, .rsp = r->rsp, .ss = r->ss, .fs_base = r->fs_base, .gs_base = r->gs_base,
		.ds = r->ds, .es = r->es, .fs = r->fs, .gs = r->gs };
}

static void fill_note(const struct guest *g, uint32_t index, struct note *n)
{
	struct ukvmm_x86_regs regs = { 0 };
	struct user_regs_struct user;
	struct ukvmm_vcpu *vcpu;

	*n = (struct note){ .head = { 5, sizeof n->status, NT_PRSTATUS }, .name = "CORE" };
	n->status.pr_pid = (int)index + 1; /* gdb's threads count from 1, too */
	if (ukvmm_vm_vcpu(g->vm, index, &vcpu) < 0 || ukvmm_debug_regs(vcpu, &regs, sizeof regs) < 0)
		return;
	fill_registers(&user, &regs);
	_Static_assert(sizeof user == sizeof n->status.pr_reg, "gdb's registers");
	memcpy(&n->status.pr_reg, &user, sizeof user);
}

char *core_head(const struct guest *g, const struct core_segment *s, uint32_t segments, size_t *len)
{
	uint32_t vcpus = g->job.vcpus;
	size_t notes = sizeof(Elf64_Ehdr) + (1 + segments) * sizeof(Elf64_Phdr);
	uint64_t at = notes + vcpus * sizeof(struct note);
	char *bytes = calloc(1, at);
	Elf64_Ehdr *e = (Elf64_Ehdr *)bytes;
	Elf64_Phdr *p = (Elf64_Phdr *)(e + 1);
	struct note note;

	if (!bytes)
		return NULL;
	*len = at;
	memcpy(e->e_ident, ELFMAG "\2\1\1", 7);
	e->e_type = ET_CORE;
	e->e_machine = EM_X86_64;
	e->e_version = EV_CURRENT;
	e->e_phoff = sizeof *e;
	e->e_ehsize = sizeof *e;
	e->e_phentsize = sizeof *p;
	e->e_phnum = (uint16_t)(1 + segments);
	*p++ = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = notes, .p_filesz = vcpus * sizeof note, .p_align = 4 };
	for (uint32_t i = 0; i < segments; i++, at += s[i - 1].bytes)
		*p++ = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = at, .p_vaddr = s[i].at,
			.p_paddr = s[i].at, .p_filesz = s[i].bytes, .p_memsz = s[i].bytes, .p_align = 1 };
	for (uint32_t i = 0; i < vcpus; i++) {
		fill_note(g, i, &note);
		memcpy(bytes + notes + i * sizeof note, &note, sizeof note);
	}
	return bytes;
}
