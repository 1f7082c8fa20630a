/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID says in a guest: KVM's supported set, and on top of it one package of n cores with one thread
 * each, APIC id = vCPU index (Intel SDM vol. 2 CPUID; AMD APM vol. 3 appendix E.4).
 */
#include <errno.h>
#include <string.h>

#include "kvm_x86.h"

enum {
	LEAF_FEATURES = 1,
	LEAF_CACHES = 4,
	LEAF_TOPOLOGY = 0xb,
	LEAF_TOPOLOGY_V2 = 0x1f,
	LEAF_HYPERVISOR = 0x40000000,
	LEAF_TIMING = 0x40000010,
};
#define LEAF_AMD_FEATURES 0x80000001u
#define LEAF_AMD_SIZES 0x80000008u
#define LEAF_AMD_CACHES 0x8000001du
#define LEAF_AMD_TOPOLOGY 0x8000001eu
#define LEAF_AMD_TOPOLOGY_V2 0x80000026u

#define ECX_VMX (1u << 5)
#define ECX_X2APIC (1u << 21)
#define ECX_TSC_DEADLINE (1u << 24)
#define ECX_HYPERVISOR (1u << 31)
#define EDX_HTT (1u << 28)
#define AMD_ECX_CMP_LEGACY (1u << 1)
#define AMD_ECX_SVM (1u << 2)
#define AMD_ECX_TOPOEXT (1u << 22)
#define SIGNATURE_AMD 0x68747541u   /* "Auth"enticAMD in EBX */
#define SIGNATURE_HYGON 0x6f677948u /* "Hygo"nGenuine */

enum {
	LAPIC_KHZ = 1000000, /* KVM's APIC timer ticks every nanosecond */
	ROOM = 8,	     /* entries that x86_cpuid_for_vcpu appends: two topologies of 3, AMD's, timing */
};

static bool is_zero(const struct kvm_cpuid_entry2 *e)
{
	return !(e->eax | e->ebx | e->ecx | e->edx);
}

/* A leaf that is absent but in range reads as zeroes, so the zero ones (more than half) need not be sent to
 * KVM with every vCPU: 3 us. */
static void drop_zeroes(struct x86_cpuid *set)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < set->entries; i++)
		if (!is_zero(&set->entry[i]))
			set->entry[kept++] = set->entry[i];
	set->entries = kept;
}

int x86_cpuid_read(struct kvm_host *host, struct x86_cpuid *set, struct ukvmm_err *err)
{
	int rc;

	set->entries = X86_CPUID_MAX - ROOM;
	rc = kvm_ioctl_p(host, host->fd, KVM_GET_SUPPORTED_CPUID, set);
	if (rc < 0)
		return kvm_fail(err, rc, "KVM_GET_SUPPORTED_CPUID", "/dev/kvm");
	if (set->entries > X86_CPUID_MAX - ROOM)
		return kvm_fail(err, -EOVERFLOW, "KVM_GET_SUPPORTED_CPUID", "/dev/kvm");
	drop_zeroes(set);
	return 0;
}

struct topology {
	uint32_t index, vcpus, shift; /* shift: bits of an APIC id that number cores */
	bool amd;
};

/* Replaces the bits [low, low + width) of *reg. */
static void put_bits(uint32_t *reg, uint32_t low, uint32_t width, uint32_t value)
{
	uint32_t max = (1u << width) - 1;

	*reg = (*reg & ~(max << low)) | (value < max ? value : max) << low;
}

static void put_bit(uint32_t *reg, uint32_t bit, bool on)
{
	*reg = on ? *reg | bit : *reg & ~bit;
}

static void fix_features(struct kvm_cpuid_entry2 *e, const struct topology *t, bool lapic)
{
	put_bits(&e->ebx, 24, 8, t->index);
	put_bits(&e->ebx, 16, 8, t->vcpus);
	put_bit(&e->edx, EDX_HTT, t->vcpus > 1);
	/* No VMs in VMs: the largest attack surface KVM has, and state that the walk does not save. */
	e->ecx &= ~ECX_VMX;
	e->ecx |= ECX_HYPERVISOR;
	/* KVM lists the deadline timer only on newer kernels, but has it with every LAPIC of its own. */
	put_bit(&e->ecx, ECX_TSC_DEADLINE, lapic);
	if (!lapic)
		e->ecx &= ~ECX_X2APIC;
}

/* Caches up to level 2 are a core's own, the others the package's. Same layout in both vendors' leaves. */
static void fix_caches(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	uint32_t type = e->eax & 0x1f, level = e->eax >> 5 & 7;

	if (!type)
		return;
	put_bits(&e->eax, 14, 12, level > 2 ? t->vcpus - 1 : 0);
	if (e->function == LEAF_CACHES)
		put_bits(&e->eax, 26, 6, t->vcpus - 1);
}

static void fix_amd_features(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	e->ecx &= ~AMD_ECX_SVM;
	if (t->amd)
		put_bit(&e->ecx, AMD_ECX_CMP_LEGACY, t->vcpus > 1);
}

static void fix_amd_sizes(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (!t->amd)
		return;
	put_bits(&e->ecx, 0, 8, t->vcpus - 1);
	put_bits(&e->ecx, 12, 4, t->shift);
}

static void fix(struct kvm_cpuid_entry2 *e, const struct topology *t, bool tsc, bool lapic)
{
	switch (e->function) {
	case LEAF_FEATURES:
		fix_features(e, t, lapic);
		break;
	case LEAF_CACHES:
	case LEAF_AMD_CACHES:
		fix_caches(e, t);
		break;
	case LEAF_HYPERVISOR:
		if (tsc && e->eax < LEAF_TIMING)
			e->eax = LEAF_TIMING;
		break;
	case LEAF_AMD_FEATURES:
		fix_amd_features(e, t);
		break;
	case LEAF_AMD_SIZES:
		fix_amd_sizes(e, t);
		break;
	}
}

/* Leaves that are built anew below, or (AMD's second topology leaf) better absent than the host's. */
static bool is_rebuilt(uint32_t function, bool tsc)
{
	return function == LEAF_TOPOLOGY || function == LEAF_TOPOLOGY_V2 || function == LEAF_AMD_TOPOLOGY ||
		function == LEAF_AMD_TOPOLOGY_V2 || (tsc && function == LEAF_TIMING);
}

/* There is room: x86_cpuid_read leaves ROOM entries free. */
static struct kvm_cpuid_entry2 *append(struct x86_cpuid *set, uint32_t function, uint32_t flags)
{
	struct kvm_cpuid_entry2 *e = &set->entry[set->entries++];

	*e = (struct kvm_cpuid_entry2){ .function = function, .flags = flags };
	return e;
}

/* Level 0: threads of a core (type 1), one. Level 1: cores (type 2). Then the invalid level. */
static void append_topology(struct x86_cpuid *set, uint32_t function, const struct topology *t)
{
	for (uint32_t level = 0; level < 3; level++) {
		struct kvm_cpuid_entry2 *e = append(set, function, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);

		e->index = level;
		e->eax = level == 1 ? t->shift : 0;
		e->ebx = level == 0 ? 1 : level == 1 ? t->vcpus : 0;
		e->ecx = level | (level < 2 ? (level + 1) << 8 : 0);
		e->edx = t->index;
	}
}

static void append_amd_topology(struct x86_cpuid *set, const struct topology *t)
{
	struct kvm_cpuid_entry2 *e = append(set, LEAF_AMD_TOPOLOGY, 0);

	e->eax = t->index;
	e->ebx = t->index & 0xff; /* core id; one thread a core; one node */
}

static void append_timing(struct x86_cpuid *set, uint32_t tsc_khz)
{
	struct kvm_cpuid_entry2 *e = append(set, LEAF_TIMING, 0);

	e->eax = tsc_khz;
	e->ebx = LAPIC_KHZ;
}

/* What decides about leaves that may be all zero on the host and so are not in the set. */
struct limits {
	uint32_t max_leaf;
	bool amd, topoext, hypervisor;
};

static struct limits find_limits(const struct x86_cpuid *set)
{
	struct limits l = { 0 };

	for (uint32_t i = 0; i < set->entries; i++) {
		const struct kvm_cpuid_entry2 *e = &set->entry[i];

		if (e->function == 0) {
			l.max_leaf = e->eax;
			l.amd = e->ebx == SIGNATURE_AMD || e->ebx == SIGNATURE_HYGON;
		}
		if (e->function == LEAF_AMD_FEATURES)
			l.topoext = e->ecx & AMD_ECX_TOPOEXT;
		if (e->function == LEAF_HYPERVISOR)
			l.hypervisor = true;
	}
	return l;
}

static uint32_t bits_for(uint32_t n)
{
	uint32_t bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

void x86_cpuid_for_vcpu(struct x86_cpuid *set, const struct x86_cpuid *host, uint32_t index, uint32_t vcpus,
	uint32_t tsc_khz, bool lapic)
{
	struct limits l = find_limits(host);
	struct topology t = { .index = index, .vcpus = vcpus, .shift = bits_for(vcpus), .amd = l.amd };
	bool tsc = tsc_khz && l.hypervisor;

	set->entries = set->padding = 0;
	for (uint32_t i = 0; i < host->entries; i++) {
		if (is_rebuilt(host->entry[i].function, tsc))
			continue;
		set->entry[set->entries] = host->entry[i];
		fix(&set->entry[set->entries++], &t, tsc, lapic);
	}
	if (l.max_leaf >= LEAF_TOPOLOGY)
		append_topology(set, LEAF_TOPOLOGY, &t);
	if (l.max_leaf >= LEAF_TOPOLOGY_V2)
		append_topology(set, LEAF_TOPOLOGY_V2, &t);
	if (l.amd && l.topoext)
		append_amd_topology(set, &t);
	if (tsc)
		append_timing(set, tsc_khz);
}

int x86_cpuid_set(struct kvm_vcpu *vcpu, struct ukvmm_err *err)
{
	struct kvm_vm *vm = vcpu->vm;
	struct x86_cpuid set;
	int rc;

	x86_learn_tsc_khz(vm->host, vcpu->fd);
	x86_cpuid_for_vcpu(&set, &vm->host->x86->cpuid, vcpu->index, vm->vcpus,
		__atomic_load_n(&vm->host->tsc_khz, __ATOMIC_RELAXED), vm->irqchip != KVM_CHIP_NONE);
	rc = vcpu_ioctl_p(vcpu, KVM_SET_CPUID2, &set);
	return rc < 0 ? kvm_fail(err, rc, "KVM_SET_CPUID2", vcpu->name) : 0;
}
