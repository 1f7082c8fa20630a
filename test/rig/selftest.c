/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves the rig itself, with no line of the library: a bare VM on the /dev/kvm that is there.
 * Static, so that it needs nothing but a kernel. Prints TAP. Usage: rig-selftest [VENDOR], VENDOR the
 * KVM module that must be behind it ("kvm_amd").
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RAM_BYTES = 0x10000, CODE_AT = 0x1000, PORT = 0x3f8, MSR_TSC = 0x10 };

/* Real mode: adds 1 to what a port read yields, writes it to the same port, then the TSC in two halves, halts. */
static const uint8_t code[] = {
	0xba, PORT & 0xff, PORT >> 8, /* mov dx, PORT */
	0xec,			      /* in al, dx */
	0x04, 0x01,		      /* add al, 1 */
	0xee,			      /* out dx, al */
	0x0f, 0x31,		      /* rdtsc */
	0x66, 0x89, 0xd3,	      /* mov ebx, edx */
	0xba, PORT & 0xff, PORT >> 8, /* mov dx, PORT */
	0x66, 0xef,		      /* out dx, eax */
	0x66, 0x89, 0xd8,	      /* mov eax, ebx */
	0x66, 0xef,		      /* out dx, eax */
	0xf4,			      /* hlt */
};

struct machine {
	int kvm, vm, vcpu;
	uint8_t *ram;
	struct kvm_run *run;
};

static unsigned int tests, failed;

static void check(bool ok, const char *what)
{
	tests++;
	if (!ok)
		failed++;
	printf("%s %u - %s\n", ok ? "ok" : "not ok", tests, what);
}

static int machine_memory(struct machine *m)
{
	struct kvm_userspace_memory_region region = { .memory_size = RAM_BYTES };

	m->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->ram == MAP_FAILED)
		return -errno;
	memcpy(m->ram + CODE_AT, code, sizeof(code));
	region.userspace_addr = (uintptr_t)m->ram;
	return ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

static int machine_vcpu(struct machine *m)
{
	struct kvm_regs regs = { .rip = CODE_AT, .rflags = 2 };
	struct kvm_sregs sregs;
	int run_bytes = ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	if (run_bytes < 0 || m->vcpu < 0)
		return -errno;
	m->run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		return -errno;
	if (ioctl(m->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) < 0)
		return -errno;
	return ioctl(m->vcpu, KVM_SET_REGS, &regs) < 0 ? -errno : 0;
}

/* One KVM_RUN; true if it ended for `reason`. */
static bool run_to(struct machine *m, uint32_t reason)
{
	if (ioctl(m->vcpu, KVM_RUN, 0) < 0) {
		printf("# KVM_RUN: %s\n", strerror(errno));
		return false;
	}
	if (m->run->exit_reason != reason)
		printf("# exit reason %u, wanted %u\n", m->run->exit_reason, reason);
	return m->run->exit_reason == reason;
}

/* One KVM_RUN to an access of PORT; its byte, or NULL. */
static uint8_t *run_to_port(struct machine *m, uint8_t direction)
{
	if (!run_to(m, KVM_EXIT_IO) || m->run->io.direction != direction || m->run->io.port != PORT)
		return NULL;
	return (uint8_t *)m->run + m->run->io.data_offset;
}

/* The guest's TSC as KVM knows of it; 0 if it does not. */
static uint64_t known_tsc(struct machine *m)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} msr = { .head.nmsrs = 1, .entry[0].index = MSR_TSC };

	return ioctl(m->vcpu, KVM_GET_MSRS, &msr) == 1 ? msr.entry[0].data : 0;
}

/* Next is RDTSC. A KVM with another TSC than its guests' serves no deadline of theirs. */
static void check_tsc(struct machine *m)
{
	uint64_t before = known_tsc(m), tsc = 0;
	uint32_t *half;

	for (int i = 0; i < 2; i++) {
		half = (uint32_t *)(void *)run_to_port(m, KVM_EXIT_IO_OUT);
		tsc |= half ? (uint64_t)*half << 32 * i : 0;
	}
	check(tsc > before && tsc < known_tsc(m), "the TSC that the guest reads is the one that KVM knows of");
}

static void check_guest(struct machine *m)
{
	uint8_t *data = run_to_port(m, KVM_EXIT_IO_IN);

	check(data, "the guest reads a port");
	if (data)
		*data = 41;
	data = run_to_port(m, KVM_EXIT_IO_OUT);
	check(data, "the guest writes the port");
	check(data && *data == 42, "it computed with what it read");
	check_tsc(m);
	check(run_to(m, KVM_EXIT_HLT), "the guest halts");
}

static void check_vendor(const char *vendor)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", vendor);
	check(access(path, F_OK) == 0, "the KVM module is the one asked for");
}

int main(int argc, char **argv)
{
	struct machine m = { .kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC) };

	if (m.kvm < 0) {
		printf("Bail out! /dev/kvm: %s\n", strerror(errno));
		return 1;
	}
	check(ioctl(m.kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION, "KVM API version 12");
	if (argc > 1)
		check_vendor(argv[1]);
	check(ioctl(m.kvm, KVM_CHECK_EXTENSION, KVM_CAP_SPLIT_IRQCHIP) > 0, "split irqchip");
	m.vm = ioctl(m.kvm, KVM_CREATE_VM, 0);
	check(m.vm >= 0, "KVM_CREATE_VM");
	check(m.vm >= 0 && machine_memory(&m) == 0, "a memory slot");
	check(m.vm >= 0 && machine_vcpu(&m) == 0, "a vCPU in real mode");
	if (!failed)
		check_guest(&m);
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}
