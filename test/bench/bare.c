/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "tiny.h"

TINY_CODE(bare, "mov dx, 0x9900; out dx, al; 1: hlt; jmp 1b");

enum { PML4 = 0x9000, PDPT = 0xa000, PD = 0xb000, CPUIDS = 128 };

static int kvm_fd;
static size_t run_bytes;
static struct {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUIDS];
} cpuid;

static int call(int fd, unsigned long request, const void *arg, const char *what)
{
	int rc = ioctl(fd, request, arg);

	if (rc < 0)
		bench_die("%s: %m", what);
	return rc;
}

void bare_init(void)
{
	kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0)
		bench_die("/dev/kvm: %m");
	run_bytes = (size_t)call(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	cpuid.head.nent = CPUIDS;
	call(kvm_fd, KVM_GET_SUPPORTED_CPUID, &cpuid, "KVM_GET_SUPPORTED_CPUID");
}

static void tables(uint8_t *ram)
{
	uint64_t entry = PDPT | 3;

	memcpy(ram + PML4, &entry, sizeof entry);
	entry = PD | 3;
	memcpy(ram + PDPT, &entry, sizeof entry);
	entry = 0x83;
	memcpy(ram + PD, &entry, sizeof entry);
	memcpy(ram + TINY_LOAD, tiny_code_bare.start, (size_t)(tiny_code_bare.end - tiny_code_bare.start));
}

static void registers(int vcpu)
{
	struct kvm_segment code = { .limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1 };
	struct kvm_regs regs = { .rip = TINY_LOAD, .rflags = 2, .rsp = 0x8000 };
	struct kvm_sregs sregs = { 0 };

	call(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;
	sregs.cr0 = 0x80000001;
	sregs.efer = 0x500;
	call(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	call(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

void bare_life(uint64_t memory, double *first_exit_us, double *life_us)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_userspace_memory_region slot = { .memory_size = memory };
	double start = bench_now_us();
	uint8_t *ram = mmap(NULL, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int vm = call(kvm_fd, KVM_CREATE_VM, NULL, "KVM_CREATE_VM"), vcpu;
	struct kvm_run *run;

	slot.userspace_addr = (uintptr_t)ram;
	call(vm, KVM_SET_USER_MEMORY_REGION, &slot, "KVM_SET_USER_MEMORY_REGION");
	call(vm, KVM_ENABLE_CAP, &split, "KVM_CAP_SPLIT_IRQCHIP");
	vcpu = call(vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	call(vcpu, KVM_SET_CPUID2, &cpuid, "KVM_SET_CPUID2");
	tables(ram);
	registers(vcpu);
	call(vcpu, KVM_RUN, NULL, "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO)
		bench_die("bare VM: exit %u", run->exit_reason);
	*first_exit_us = bench_now_us() - start;
	munmap(run, run_bytes);
	close(vcpu);
	close(vm);
	munmap(ram, memory);
	*life_us = bench_now_us() - start;
}
