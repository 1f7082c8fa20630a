/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiny guests on the machine's own /dev/kvm. Memory: GDT 0x500 (0x08 code, 0x10 data, 0x23 user data, 0x2b user
 * code, 0x38 TSS), TSS at 0 with RSP0 0x7000, IDT 0x2000, page tables from 0x9000 (1 GiB identity, and the 4th
 * GiB for devices; all user-accessible), code at 0x100000, stacks below 0x8000 and 0x6000.
 * Ring 3 reaches GUEST_PORT by IOPL 3; kvm_pvm loses that on iretq, but there the TSS, whose permission bitmap is
 * zero up to port 0x33f, lets it through.
 */
#ifndef TEST_GUEST_H
#define TEST_GUEST_H

#include "kvm.h"
#include "x86_map.h"

enum { GUEST_RAM = 4 << 20, GUEST_CODE = 0x100000, GUEST_VCPUS_MAX = 2, GUEST_PORT = 0xf4 };

struct guest {
	struct mem mem;
	struct kvm_vm vm;
	struct kvm_vcpu vcpu[GUEST_VCPUS_MAX];
	uint32_t vcpus;
	struct ukvmm_err err;
};

extern struct kvm_host guest_host;

/* Group setup: opens the host, blocks the kick signal. Ends the program with 77 where there is no KVM. */
int guest_open_host(void **state);
int guest_close_host(void **state);
int guest_kick_signal(void);

/* Makes a VM with the code between start and end (of guest_code.S) at GUEST_CODE; asserts success. */
void guest_make(struct guest *g, enum kvm_chip chip, uint32_t vcpus, const char *start, const char *end);
/* Also sets the entry registers of vCPU 0. */
void guest_start(struct guest *g, enum kvm_chip chip, uint32_t vcpus, enum x86_mode mode, const char *start,
	const char *end);
void guest_end(struct guest *g);

/* An interrupt gate of `vector` to guest-virtual `address`. */
void guest_gate(struct guest *g, uint8_t vector, uint64_t address);
/* Runs vCPU `i` until something other than AGAIN, and asserts success. */
struct kvm_exit guest_run(struct guest *g, uint32_t i);
/* Runs to a write of GUEST_PORT and returns its value; another exit fails the test, explained. */
uint32_t guest_next(struct guest *g, uint32_t i);

#define GUEST(name) extern const char guest_##name[], guest_##name##_end[]
#define CODE(name) guest_##name, guest_##name##_end

#endif
