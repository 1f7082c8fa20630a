/* SPDX-License-Identifier: Apache-2.0 */
/* All state of a paused VM but its RAM, in both directions. The receiver is a sealed VM of the same kind. */
#include "vm.h"

#include <errno.h>
#include <string.h>

#include "err.h"
#include "vm_hvt.h"

static int walk_kind(struct ukvmm_vm *vm, struct ukvmm_state *s)
{
	struct shell_kind k = vm->kind;
	uint32_t version = 1, irqchip = (uint32_t)k.irqchip;
	uint64_t now = vm_clock(vm);

	state_begin(s, "machine", &version);
	state_field(s, k.memory);
	state_field(s, k.vcpus);
	state_field(s, irqchip);
	state_field(s, now);
	if (s->loading && (version != 1 || k.memory != vm->kind.memory || k.vcpus != vm->kind.vcpus ||
				  irqchip != (uint32_t)vm->kind.irqchip || now > INT64_MAX))
		return state_fail(s, version != 1 ? -ENOTSUP : -EINVAL);
	/* the VM's clock goes on from where it was saved */
	if (!state_end(s) && s->loading)
		vm->clock_offset = (int64_t)(now - ukvmm_now());
	return s->error;
}

/* What is loaded takes effect: lines, routes. *call: which of that failed. */
static int walk_board(struct ukvmm_vm *vm, struct ukvmm_state *s, const char **call)
{
	int rc;

	pthread_mutex_lock(&vm->board_lock);
	vm->board_error = 0;
	rc = legacy_walk(&vm->board, s);
	if (!rc && vm->board_error) {
		rc = state_fail(s, vm->board_error);
		*call = vm->board_call;
	}
	pthread_mutex_unlock(&vm->board_lock);
	return rc;
}

/* The registers that a vCPU starts with go in with its first run: a VM that never ran is made to have them. */
static int walk_vcpu(struct ukvmm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	struct kvm_exit exit;
	int rc = kvm_vcpu_complete(vcpu->kvm, &exit);

	if (rc < 0)
		return err_set(err, rc, "KVM_RUN", vcpu->kvm->name, "cannot complete an access");
	return kvm_vcpu_walk(vcpu->kvm, s, err);
}

int vm_walk(struct ukvmm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err)
{
	const char *call = NULL;
	int rc = walk_kind(vm, s);

	/* vCPUs before the VM: its clock is set when all of them have their TSC */
	for (uint32_t i = 0; !rc && i < vm->vcpus; i++)
		if ((rc = walk_vcpu(&vm->vcpu[i], s, err)))
			return rc;
	if (!rc && (rc = kvm_vm_walk(&vm->shell->kvm, s, err)))
		return rc;
	if (!rc)
		rc = walk_board(vm, s, &call);
	if (!rc && vm_is_hvt(vm))
		rc = hvt_walk(vm->hvt.guest, s);
	if (call)
		return err_set(err, rc, call, vm->name, "%s", strerror(-rc));
	if (rc)
		return err_set(err, rc, s->loading ? "load" : "save", vm->name,
			"section \"%s\" is bad or does not fit", s->section);
	return devices_walk(vm, s, err);
}
