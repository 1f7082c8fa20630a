/* SPDX-License-Identifier: Apache-2.0 */
#include "ring0.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RAM = 64 << 20, PAGE = 4096, STEPS = 20000000, SEGMENTS = 16, CPUIDS = 256 };
enum { ZERO_PAGE = 0x7000, PML4 = 0x9000, PDPT = 0xa000, PD = 0xb000, CMDLINE = 0x20000, STACK = 0x8000 };
enum { EXIT_PORT = 0x501, ONE_MIB = 1 << 20, HLT = 0xf4, TIMER_VECTOR = 0x40, LAPIC = 0xfee00000 };
/* stubs.S: behind the start of ring 0's code */
enum { STUBS = 0x100000, CALL = 512, INTERRUPTS = 1024, INTERRUPTS_END = INTERRUPTS + 8 * 64 };

struct box {
	int kvm, vm, cpu;
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_bytes;
	uint64_t entry;
};

static void put(struct box *b, uint64_t at, uint64_t value, size_t len)
{
	memcpy(b->ram + at, &value, len);
}

/* Identity up to 4 GiB, by pages of 2 MiB. */
static void tables(struct box *b)
{
	put(b, PML4, PDPT | 3, 8);
	for (uint64_t i = 0; i < 4; i++)
		put(b, PDPT + 8 * i, (PD + i * PAGE) | 3, 8);
	for (uint64_t i = 0; i < 2048; i++)
		put(b, PD + 8 * i, i << 21 | 0x83, 8);
}

static void zero_page(struct box *b, const char *cmdline)
{
	size_t len = strlen(cmdline);

	put(b, ZERO_PAGE + 0x1fe, 0xaa55, 2);
	put(b, ZERO_PAGE + 0x202, 0x53726448, 4); /* "HdrS" */
	put(b, ZERO_PAGE + 0x228, CMDLINE, 4);
	put(b, ZERO_PAGE + 0x238, len + 1, 4);
	memcpy(b->ram + CMDLINE, cmdline, len + 1);
	put(b, ZERO_PAGE + 0x1e8, 2, 1);
	put(b, ZERO_PAGE + 0x2d0 + 8, 0x9fc00, 8);
	put(b, ZERO_PAGE + 0x2d0 + 16, 1, 4);
	put(b, ZERO_PAGE + 0x2e4, ONE_MIB, 8);
	put(b, ZERO_PAGE + 0x2e4 + 8, RAM - ONE_MIB, 8);
	put(b, ZERO_PAGE + 0x2e4 + 16, 1, 4);
}

static int load(struct box *b, const char *image)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC), rc = 0;
	Elf64_Ehdr e;
	Elf64_Phdr p;

	if (fd < 0)
		return -errno;
	if (pread(fd, &e, sizeof e, 0) != sizeof e || memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_phnum > SEGMENTS)
		rc = -ENOEXEC;
	for (uint32_t i = 0; !rc && i < e.e_phnum; i++) {
		if (pread(fd, &p, sizeof p, (off_t)(e.e_phoff + i * sizeof p)) != sizeof p)
			rc = -ENOEXEC;
		else if (p.p_type != PT_LOAD || !p.p_filesz)
			continue;
		else if (p.p_paddr > RAM || p.p_filesz > RAM - p.p_paddr ||
			 pread(fd, b->ram + p.p_paddr, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz)
			rc = -ENOEXEC;
	}
	b->entry = e.e_entry;
	close(fd);
	return rc;
}

static int make_vm(struct box *b)
{
	struct kvm_userspace_memory_region slot = {.memory_size = RAM};
	int bytes;

	b->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (b->kvm < 0)
		return -ENODEV;
	b->vm = ioctl(b->kvm, KVM_CREATE_VM, 0);
	b->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bytes = ioctl(b->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (b->vm < 0 || b->ram == MAP_FAILED || bytes < 0)
		return -errno;
	madvise(b->ram, RAM, MADV_NOHUGEPAGE);
	slot.userspace_addr = (uintptr_t)b->ram;
	if (ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &slot) || ioctl(b->vm, KVM_CREATE_IRQCHIP, 0))
		return -errno;
	b->cpu = ioctl(b->vm, KVM_CREATE_VCPU, 0);
	if (b->cpu < 0)
		return -errno;
	b->run_bytes = (size_t)bytes;
	b->run = mmap(NULL, b->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->cpu, 0);
	return b->run == MAP_FAILED ? -errno : 0;
}

enum debug { STEPS_ONLY, STOPS_ONLY, STEPS_AND_STOPS };

/* Steps, and stops where ring 0 is entered, too: some hosts do not step through the first instruction there, and not
 * through a handler at all. */
static int set_debug(struct box *b, enum debug how)
{
	struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE};

	if (how != STOPS_ONLY)
		debug.control |= KVM_GUESTDBG_SINGLESTEP;
	if (how != STEPS_ONLY) {
		debug.control |= KVM_GUESTDBG_USE_HW_BP;
		debug.arch.debugreg[0] = STUBS + CALL;
		debug.arch.debugreg[1] = STUBS + INTERRUPTS; /* the timer's */
		debug.arch.debugreg[7] = 0x40a;
	}
	return ioctl(b->cpu, KVM_SET_GUEST_DEBUG, &debug) ? -ENODEV : 0;
}

static int set_cpuid(struct box *b)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[CPUIDS];
	} cpuid;

	cpuid.head.nent = CPUIDS;
	if (ioctl(b->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) || ioctl(b->cpu, KVM_SET_CPUID2, &cpuid))
		return -errno;
	return 0;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){.limit = UINT32_MAX, .selector = selector, .type = type, .present = 1, .s = 1, .g = 1,
		.l = code, .db = !code};
}

static int set_registers(struct box *b)
{
	struct kvm_regs regs = {.rip = b->entry, .rsi = ZERO_PAGE, .rsp = STACK, .rflags = 2};
	struct kvm_sregs s;

	if (ioctl(b->cpu, KVM_GET_SREGS, &s))
		return -errno;
	s.cs = segment(0x10, 11, true);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(0x18, 3, false);
	s.cr0 = 0x80050033;
	s.cr3 = PML4;
	s.cr4 = 0x20;
	s.efer = 0x500;
	b->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	return ioctl(b->cpu, KVM_SET_SREGS, &s) || ioctl(b->cpu, KVM_SET_REGS, &regs) ? -errno : 0;
}

struct tally {
	struct ring0_counts *c;
	bool entered; /* ring 3 was reached */
	uint64_t halt; /* the HLT before which an interrupt came, until its handler is done */
	uint32_t call, interrupt;
};

/* The instruction at rip is about to run in ring 0. */
static void count(struct tally *t, uint64_t rip)
{
	uint64_t at = rip - STUBS;

	if (!t->entered) {
		t->c->entry++;
	} else if (at >= INTERRUPTS && at < INTERRUPTS_END) {
		if (at % 64 == 0) {
			t->c->interrupts++;
			t->interrupt = 0;
		}
		if (++t->interrupt > t->c->interrupt_max)
			t->c->interrupt_max = t->interrupt;
	} else {
		if (at == CALL) {
			t->c->calls++;
			t->call = 0;
		}
		if (++t->call > t->c->call_max)
			t->c->call_max = t->call;
	}
}

/* 1: the guest ended with a status. */
static int after_exit(struct box *b, struct ring0_counts *c)
{
	if (b->run->exit_reason == KVM_EXIT_DEBUG || b->run->exit_reason == KVM_EXIT_MMIO)
		return 0;
	if (b->run->exit_reason != KVM_EXIT_IO)
		return -EIO;
	if (b->run->io.port != EXIT_PORT || b->run->io.direction != KVM_EXIT_IO_OUT)
		return 0;
	c->status = *((uint8_t *)b->run + b->run->io.data_offset);
	return 1;
}

static bool is_stop(uint64_t rip)
{
	return rip == STUBS + CALL || rip == STUBS + INTERRUPTS;
}

/* As on a CPU that forgets STI's shadow: the first idle is interrupted before its HLT. */
static int interrupt_early(struct box *b, struct tally *t, uint64_t rip)
{
	const struct kvm_msi msi = {.address_lo = LAPIC, .data = TIMER_VECTOR};
	struct kvm_vcpu_events events;

	if (t->c->early || !t->entered || rip >= RAM || b->ram[rip] != HLT)
		return 0;
	t->c->early = 1;
	t->halt = rip;
	if (ioctl(b->cpu, KVM_GET_VCPU_EVENTS, &events))
		return -errno;
	events.interrupt.shadow = 0;
	events.flags = KVM_VCPUEVENT_VALID_SHADOW;
	return ioctl(b->cpu, KVM_SET_VCPU_EVENTS, &events) || ioctl(b->vm, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

/* Has it led to that HLT, or behind it (not every host stops in between), instead of to ring 3? */
static void look_for_halt(struct tally *t, uint64_t rip)
{
	uint64_t at = rip - STUBS;

	if (!t->halt || (at >= INTERRUPTS && at < INTERRUPTS_END))
		return;
	t->c->halted = rip - t->halt <= 1;
	t->halt = 0;
}

/* How to run the instruction at rip. It must not be stopped at again where that has just been. HLT is not stepped: on
 * kvm_pvm the guest halts once more when an interrupt that was pending there has been handled. Its interrupt stops it. */
static enum debug debug_at(const struct box *b, uint64_t rip)
{
	if (is_stop(rip))
		return STEPS_ONLY;
	return rip < RAM && b->ram[rip] == HLT ? STOPS_ONLY : STEPS_AND_STOPS;
}

/* What was counted last is counted once, also where a stop and a step both end before it. */
static int run(struct box *b, struct ring0_counts *c)
{
	const struct kvm_sync_regs *now = &b->run->s.regs;
	struct tally t = {.c = c};
	uint64_t last = 0;
	enum debug how = STEPS_AND_STOPS;
	int rc = set_debug(b, how);

	count(&t, b->entry);
	for (uint32_t i = 0; !rc && i < STEPS; i++) {
		if (ioctl(b->cpu, KVM_RUN, 0) && errno != EINTR)
			return -errno;
		rc = after_exit(b, c);
		if (rc || b->run->exit_reason != KVM_EXIT_DEBUG)
			continue;
		if (now->sregs.cs.selector & 3 || is_stop(now->regs.rip))
			t.entered = true;
		if (!(now->sregs.cs.selector & 3) && !(is_stop(last) && last == now->regs.rip))
			count(&t, now->regs.rip);
		last = now->regs.rip;
		look_for_halt(&t, last);
		if (!rc && !(now->sregs.cs.selector & 3))
			rc = interrupt_early(b, &t, last);
		if (!rc && how != debug_at(b, last)) {
			how = debug_at(b, last);
			rc = set_debug(b, how);
		}
	}
	return rc < 0 ? rc : rc ? 0 : -ELOOP;
}

static uint32_t resident(const struct box *b)
{
	static unsigned char in[RAM / PAGE];
	uint32_t n = 0;

	if (mincore(b->ram, RAM, in))
		return 0;
	for (uint32_t i = 0; i < RAM / PAGE; i++)
		n += in[i] & 1;
	return n;
}

int ring0_count(const char *image, const char *cmdline, struct ring0_counts *counts)
{
	struct box b = {.kvm = -1, .vm = -1, .cpu = -1, .ram = MAP_FAILED, .run = MAP_FAILED};
	int rc = make_vm(&b);

	*counts = (struct ring0_counts){.entry = 0};
	if (!rc)
		rc = set_cpuid(&b);
	if (!rc)
		rc = load(&b, image);
	if (!rc) {
		tables(&b);
		zero_page(&b, cmdline);
		rc = set_registers(&b);
	}
	if (!rc)
		rc = run(&b, counts);
	if (!rc)
		counts->pages = resident(&b);
	if (b.run != MAP_FAILED)
		munmap(b.run, b.run_bytes);
	if (b.ram != MAP_FAILED)
		munmap(b.ram, RAM);
	for (int i = 0; i < 3; i++)
		if ((int[]){b.cpu, b.vm, b.kvm}[i] >= 0)
			close((int[]){b.cpu, b.vm, b.kvm}[i]);
	return rc;
}
