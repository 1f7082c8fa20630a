/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only room that knows <linux/kvm.h>: hosts, VMs, vCPUs, one KVM_RUN at a time, decoded exits. No
 * policy, no locks, no threads; every system call on KVM fds goes through struct kvm_sys, so that tests
 * can make each of them fail. Order of ioctls: memory slots before anything that sits on the I/O bus.
 */
#ifndef KVM_H
#define KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>

#include "err.h"
#include "mem.h"
#include "state.h"
#include "x86_entry.h"

/* The seam. Each returns like its system call, but a negative errno instead of -1. */
struct kvm_sys {
	int (*open)(void *ctx, const char *path);	/* O_RDWR | O_CLOEXEC */
	int (*dup)(void *ctx, int fd);
	int (*ioctl)(void *ctx, int fd, unsigned long request, uintptr_t arg);
	int (*mmap)(void *ctx, int fd, size_t len, void **out); /* shared, read-write */
	void (*munmap)(void *ctx, void *p, size_t len);
	void (*close)(void *ctx, int fd);
	void *ctx;
};
extern const struct kvm_sys kvm_sys_linux;

enum kvm_vendor { KVM_VENDOR_UNKNOWN, KVM_VENDOR_INTEL, KVM_VENDOR_AMD, KVM_VENDOR_PVM, KVM_VENDOR_ARM };
enum kvm_chip { KVM_CHIP_SPLIT, KVM_CHIP_FULL, KVM_CHIP_NONE };

struct kvm_host_x86; /* supported CPUID, MSR index list: asked for once */

struct kvm_host {
	const struct kvm_sys *sys;
	int fd;
	enum kvm_vendor vendor;
	uint32_t max_vcpus;
	uint32_t tsc_khz; /* of guests; 0 until the first VM was made: KVM does not tell without one */
	size_t run_bytes;
	bool has_split, has_halt_poll, has_sync_regs, has_xcrs;
	struct kvm_host_x86 *x86;
};

/* kvm_fd -1 opens /dev/kvm; else dup'ed. -ENOENT, -EACCES, -ENOTSUP with a cure in err. */
int kvm_host_init(struct kvm_host *host, const struct kvm_sys *sys, int kvm_fd, struct ukvmm_err *err);
void kvm_host_fini(struct kvm_host *host);
const char *kvm_vendor_name(enum kvm_vendor vendor); /* "kvm_pvm" */

struct kvm_vm {
	struct kvm_host *host;
	const struct mem *mem; /* borrowed, outlives the VM */
	int fd;
	enum kvm_chip irqchip;
	uint32_t vcpus;
	char name[48]; /* for errors */
};

/*
 * Makes the VM in the order the design demands: KVM_CREATE_VM, memory slots of `mem` (which may still be a bare
 * reservation), TSS and identity map, then the interrupt chip (split: 24 reserved routes, LAPIC in KVM), halt
 * polling 0. On failure nothing is left behind. -EINVAL: vcpus out of range, or several without a chip.
 */
int kvm_vm_init(struct kvm_vm *vm, struct kvm_host *host, const struct mem *mem, enum kvm_chip irqchip,
	uint32_t vcpus, const char *name, struct ukvmm_err *err);
void kvm_vm_fini(struct kvm_vm *vm); /* after its vCPUs; may take 20 ms */
/* A 4-byte write to gpa becomes an event instead of an exit, whatever is written. For the VM's life: it stalls a
 * memslot change or close that follows within 20 ms. */
int kvm_vm_ioeventfd(struct kvm_vm *vm, uint64_t gpa, int fd);

int kvm_vm_msi(struct kvm_vm *vm, uint64_t addr, uint32_t data); /* any thread */
int kvm_vm_line(struct kvm_vm *vm, uint32_t gsi, bool level);	 /* full irqchip; any thread */

struct kvm_route { /* split: an entry whose level-triggered EOI KVM shall report */
	uint64_t addr;
	uint32_t gsi, data;
};
int kvm_vm_routes(struct kvm_vm *vm, const struct kvm_route *routes, uint32_t n); /* replaces all */

enum kvm_exit_kind {
	KVM_EXITED_SIGNAL,	/* interrupted: kick, limit; also when nothing was entered */
	KVM_EXITED_AGAIN,	/* -EAGAIN of a waiting AP: call again; any other -EAGAIN is an error */
	KVM_EXITED_PORT,
	KVM_EXITED_MMIO,
	KVM_EXITED_HLT,		/* no irqchip only */
	KVM_EXITED_EOI,		/* split: level vector was EOI'd */
	KVM_EXITED_INTR_WINDOW,
	KVM_EXITED_SHUTDOWN,	/* triple fault */
	KVM_EXITED_SYSTEM,	/* KVM_EXIT_SYSTEM_EVENT: shutdown, reset or crash; system_type */
	KVM_EXITED_REFUSED,	/* internal error, fail entry, unknown exit: text by kvm_vcpu_explain */
};

/* A port or MMIO access: `count` items of `width` bytes at `data` (in the mapped run structure: copy a
 * write before you check it; fill in reads before the next run). MMIO has count 1 and width 1-8. */
struct kvm_exit {
	enum kvm_exit_kind kind;
	uint64_t addr; /* port or gpa */
	uint32_t width, count;
	bool write;
	uint8_t *data;
	uint8_t vector;	      /* EOI */
	uint32_t system_type; /* 1 shutdown, 2 reset, 3 crash */
};

struct kvm_vcpu {
	struct kvm_vm *vm;
	int fd;
	uint32_t index;
	int kick;	   /* the signal that ends its KVM_RUN */
	struct kvm_run *run;
	bool io_pending;   /* an I/O exit (or enter_at) is not completed yet: registers are not final */
	bool waiting;	   /* an AP that was never started, as far as known: its -EAGAIN is normal */
	char name[64];	   /* "vm0/vcpu1" */
	uint16_t extint;   /* 0x100 | vector that was injected and has not gone in yet; 0: none */
	uint64_t exits;
};

/* KVM_CREATE_VCPU, run mapping (not inherited by fork), CPUID, MSR defaults (FPU and LAPIC start right), signal
 * mask with only `kick` unblocked. No image-dependent state: may be made ahead. On failure nothing is left. */
int kvm_vcpu_init(struct kvm_vcpu *vcpu, struct kvm_vm *vm, uint32_t index, int kick, struct ukvmm_err *err);
void kvm_vcpu_fini(struct kvm_vcpu *vcpu);
/* The name changes when a shell made ahead gets its VM. */
void kvm_vcpu_rename(struct kvm_vcpu *vcpu, const char *vm_name);

/* Registers for the boot vCPU (index 0). Others wait for INIT/SIPI (irqchip) and need nothing. */
int kvm_vcpu_enter_at(struct kvm_vcpu *vcpu, const struct x86_entry *entry, struct ukvmm_err *err);

/* One KVM_RUN. 0, or a negative errno other than EINTR and the AP's EAGAIN. */
int kvm_vcpu_run(struct kvm_vcpu *vcpu, struct kvm_exit *exit);

/* Completes a pending I/O exit without running guest code (KVM_RUN with immediate_exit), so that state may
 * be read. Returns 1 with *exit filled in if completing produced another exit that must be handled first. */
int kvm_vcpu_complete(struct kvm_vcpu *vcpu, struct kvm_exit *exit);

/* Makes the next KVM_RUN (or the one about to start) return at once, on this thread or from its signal. */
void kvm_vcpu_immediate_exit(struct kvm_vcpu *vcpu, bool on);

/* ExtINT of the user-space 8259s (split). ready: may kvm_vcpu_inject be called now? Otherwise
 * want_window(true) makes KVM exit with INTR_WINDOW as soon as it may; another exit may come first (kvm_pvm,
 * ring 0), so look after every exit. A vCPU in HLT does not look: kick it. */
bool kvm_vcpu_inject_ready(const struct kvm_vcpu *vcpu);
void kvm_vcpu_want_window(struct kvm_vcpu *vcpu, bool on);
int kvm_vcpu_inject(struct kvm_vcpu *vcpu, uint8_t vector);

/* On the vCPU's thread, out of KVM_RUN: */
bool kvm_vcpu_interrupts_off(const struct kvm_vcpu *vcpu); /* RFLAGS.IF as of the last exit */
int kvm_vcpu_is_halted(struct kvm_vcpu *vcpu);		   /* MP_STATE: 1 halted, 0 not, <0 errno */
int kvm_vcpu_is_waiting(struct kvm_vcpu *vcpu);		   /* 1: never started (UNINITIALIZED, INIT_RECEIVED) */
/* Any interrupt pending (IRR above the priority, ExtINT, NMI, SMI)? And when is the LAPIC's timer due
 * (CLOCK_MONOTONIC, 0: not armed)? For parking a VM's only vCPU. 1 pending, 0 not, <0 errno. */
int kvm_vcpu_idle_until(struct kvm_vcpu *vcpu, uint64_t *timer_deadline);

/* For a REFUSED or SHUTDOWN exit: fills err with the address, the instruction bytes and what kind of host
 * would run it, and returns err's code (-EOPNOTSUPP for an emulator refusal or kvm_pvm's broken SYSCALL,
 * -EIO otherwise). True in *broken_syscall (SHUTDOWN): it was kvm_pvm's SYSCALL, not a plain triple fault. */
int kvm_vcpu_explain(struct kvm_vcpu *vcpu, bool *broken_syscall, struct ukvmm_err *err);

struct ukvmm_x86_regs;
int kvm_vcpu_regs(struct kvm_vcpu *vcpu, struct ukvmm_x86_regs *regs);
int kvm_vcpu_translate(struct kvm_vcpu *vcpu, uint64_t virt, uint64_t *phys);

/* State walks (registers, FPU/XSAVE, XCRs, debug registers, events, MP state, LAPIC, each MSR with a verdict of
 * its own; VM: clock and, with the full irqchip, its chips and PIT: on a load after the vCPUs, whose LAPICs
 * its IOAPIC may interrupt at once). The vCPU is out and completed (-EBUSY). An MSR that this host cannot
 * set is skipped if its value is 0 or equal to what is there, else the load fails naming it. */
int kvm_vm_walk(struct kvm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err);
int kvm_vcpu_walk(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err);

#endif
