/* SPDX-License-Identifier: Apache-2.0 */
/* A VM on the fake, made in one line. Helpers for the tests with one VM. */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include <signal.h>

#include "fake.h"
#include "x86_map.h"

enum { MACHINE_RAM = 1 << 20, MACHINE_VCPUS_MAX = 4 };

struct machine {
	struct fake_kvm fake;
	struct kvm_host host;
	struct mem mem;
	struct kvm_vm vm;
	struct kvm_vcpu vcpu[MACHINE_VCPUS_MAX];
	uint32_t vcpus; /* made */
	struct ukvmm_err err;
};

static inline void machine_drop(struct machine *m)
{
	while (m->vcpus)
		kvm_vcpu_fini(&m->vcpu[--m->vcpus]);
	kvm_vm_fini(&m->vm);
}

/* The VM and its vCPUs; on failure nothing of them is left. */
static inline int machine_make(struct machine *m, enum kvm_chip chip, uint32_t vcpus)
{
	int rc = kvm_vm_init(&m->vm, &m->host, &m->mem, chip, vcpus, "vm0", &m->err);

	m->vcpus = 0;
	while (!rc && m->vcpus < vcpus) {
		rc = kvm_vcpu_init(&m->vcpu[m->vcpus], &m->vm, m->vcpus, SIGRTMAX - 1, &m->err);
		if (!rc)
			m->vcpus++;
	}
	if (rc)
		machine_drop(m);
	return rc;
}

static inline int machine_open(struct machine *m)
{
	fake_init(&m->fake);
	m->err = (struct ukvmm_err){ .size = sizeof m->err };
	if (mem_reserve(&m->mem, MACHINE_RAM, X86_RAM_GAP_START, X86_RAM_GAP_END) ||
		mem_back(&m->mem, MEM_HUGE_OFF))
		return -1;
	return kvm_host_init(&m->host, &m->fake.sys, -1, &m->err);
}

static inline void machine_close(struct machine *m)
{
	kvm_host_fini(&m->host);
	mem_fini(&m->mem);
	fake_fini(&m->fake);
}

static inline struct fake_vcpu *machine_vcpu(struct machine *m, uint32_t index)
{
	return fake_vcpu(&m->fake, m->vcpu[index].fd);
}

#endif
