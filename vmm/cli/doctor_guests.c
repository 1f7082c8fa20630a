/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <stddef.h>

#include <ukvmm/ukvmm.h>

static const struct doctor_guest on_hardware[] = {
	{ "Linux", "yes", "any kernel with the 64-bit protocol or PVH, such as Debian's" },
	{ "Unikraft, OSv, Nanos", "yes", "by the Linux protocol; images for PCI machines find no devices" },
	{ "Hermit", "yes", "by its loader, which was tried; its kernel was not" },
	{ "Multiboot 1 kernels", "yes", "rumprun, IncludeOS and Solo5 virtio want their devices on PCI: refused" },
	{ "Solo5 hvt (MirageOS)", "yes", "with the disks and network cards of its manifest" },
	{ "ring-3 unikernels", "yes", "at full speed" },
	{ NULL, NULL, NULL },
};

static const struct doctor_guest on_pvm[] = {
	{ "Linux", "no", "the kernel starts, slowly; its first program dies at its first SYSCALL" },
	{ "Nanos", "no", "its kernel is refused at its first xgetbv" },
	{ "OSv", "no", "its kernel is refused at its first SSE instruction" },
	{ "Unikraft", "no", "it is refused at its first LDMXCSR" },
	{ "Hermit", "slow",
		"all of it runs in emulated ring 0, about 1000 times slower; some is refused" },
	{ "Multiboot 1 kernels", "slow", "emulated as well; fine for small ones" },
	{ "Solo5 hvt", "slow", "emulated; floating point is refused, and with it MirageOS" },
	{ "ring-3 unikernels", "yes", "at full speed: only ring 0 is emulated" },
	{ NULL, NULL, NULL },
};

static const struct doctor_guest nowhere[] = {
	{ "any", "no", "no VM can run here: see the findings" },
	{ NULL, NULL, NULL },
};

const struct doctor_guest *doctor_guests(uint32_t vendor)
{
	switch (vendor) {
	case UKVMM_KVM_INTEL:
	case UKVMM_KVM_AMD:
		return on_hardware;
	case UKVMM_KVM_PVM:
		return on_pvm;
	default:
		return nowhere;
	}
}
