/* SPDX-License-Identifier: Apache-2.0 */
#include <ukvmm/debug.h>

#include <errno.h>
#include <string.h>

#include "export.h"
#include "vm.h"

/* Registers are final and nobody runs: paused, or ended. */
static int check_still(struct ukvmm_vm *vm)
{
	bool still;

	pthread_mutex_lock(&vm->lock);
	still = vm->state == VM_PAUSED || vm->state == VM_ENDED;
	pthread_mutex_unlock(&vm->lock);
	return still ? 0 : -EBADFD;
}

UKVMM_API int ukvmm_debug_regs(struct ukvmm_vcpu *vcpu, void *regs, size_t bytes)
{
	struct ukvmm_x86_regs r;
	int rc = check_still(vcpu->vm);

	if (!rc)
		rc = kvm_vcpu_regs(vcpu->kvm, &r);
	if (!rc)
		memcpy(regs, &r, bytes < sizeof r ? bytes : sizeof r);
	return rc;
}

UKVMM_API int64_t ukvmm_debug_read(struct ukvmm_vm *vm, uint64_t guest_phys, void *buf, size_t len)
{
	int rc = check_still(vm);

	if (!rc)
		rc = mem_read(&vm->ram, guest_phys, buf, len);
	return rc ? rc : (int64_t)len;
}

UKVMM_API int ukvmm_debug_translate(struct ukvmm_vcpu *vcpu, uint64_t guest_virt, uint64_t *guest_phys)
{
	int rc = check_still(vcpu->vm);

	return rc ? rc : kvm_vcpu_translate(vcpu->kvm, guest_virt, guest_phys);
}
