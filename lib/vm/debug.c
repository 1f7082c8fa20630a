/* SPDX-License-Identifier: Apache-2.0 */
#include <ukvmm/debug.h>

#include <errno.h>
#include <string.h>

#include "export.h"
#include "vm.h"

static int check_still(struct ukvmm_vm *vm)
{
	bool still;

	pthread_mutex_lock(&vm->lock);
	still = vm->state == VM_PAUSED || vm->state == VM_ENDED;
	pthread_mutex_unlock(&vm->lock);
	return still ? 0 : -EBADFD;
}

/* Nobody runs: paused, or ended. What is still on its way into the registers is brought in: those that a vCPU starts
 * with, or the access that ended the guest. */
static int settle(struct ukvmm_vcpu *vcpu)
{
	struct kvm_exit exit;
	int rc = check_still(vcpu->vm);

	if (!rc)
		rc = kvm_vcpu_complete(vcpu->kvm, &exit);
	return rc < 0 ? rc : 0;
}

UKVMM_API int ukvmm_debug_regs(struct ukvmm_vcpu *vcpu, void *regs, size_t bytes)
{
	struct ukvmm_x86_regs r;
	int rc = settle(vcpu);

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
	int rc = settle(vcpu);

	return rc ? rc : kvm_vcpu_translate(vcpu->kvm, guest_virt, guest_phys);
}
