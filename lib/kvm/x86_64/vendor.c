/* SPDX-License-Identifier: Apache-2.0 */
#include <cpuid.h>
#include <unistd.h>

#include "kvm_x86.h"

static bool module_loaded(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool cpu_has_vmx(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5);
}

static bool cpu_has_svm(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 2);
}

/*
 * A module directory says little: one built in has it even when its CPU is missing, one without parameters
 * has none, and a container may hide /sys. What the CPU offers decides; a /dev/kvm that works on a CPU with
 * neither extension can only be kvm_pvm.
 */
enum kvm_vendor x86_vendor(void)
{
	if (module_loaded("/sys/module/kvm_pvm"))
		return KVM_VENDOR_PVM;
	if (cpu_has_vmx())
		return KVM_VENDOR_INTEL;
	if (cpu_has_svm())
		return KVM_VENDOR_AMD;
	return KVM_VENDOR_PVM;
}
