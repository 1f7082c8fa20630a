/* SPDX-License-Identifier: Apache-2.0 */
/* A Solo5 guest's hypercalls, on its vCPU's thread. */
#include "vm_hvt.h"

#include <errno.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "err.h"

enum { CALLS = 16, CALL_BYTES = 4 };

/* What solo5-hvt calls it, which who knows that one, and Solo5's own tests, look for. */
#define SOLO5_FAULT "host/guest translation fault: "

static int end_by(struct ukvmm_stop *stop, uint32_t reason)
{
	stop->reason = reason;
	return 1;
}

int vm_hvt_port(struct ukvmm_vcpu *vcpu, uint64_t *value, struct ukvmm_stop *stop)
{
	struct ukvmm_vm *vm = vcpu->vm;
	const struct kvm_exit *x = &vcpu->access.exit;
	int32_t status = 0;

	if (!x->write)
		*value = ~0ull >> (64 - 8 * x->width); /* nobody there: all ones */
	if (!x->write || x->width != CALL_BYTES || x->addr < HVT_PORT || x->addr >= HVT_PORT + CALLS)
		return 0;
	vm->hvt.call = (uint32_t)x->addr - HVT_PORT;
	switch (hvt_call(vm->hvt.guest, vm->hvt.call, *value, &status, &vm->hvt.why)) {
	case HVT_DONE:
	case HVT_WAITS:
		return 0;
	case HVT_HALTED:
		stop->flags |= UKVMM_STOP_HAS_STATUS;
		stop->value = (uint32_t)status;
		return end_by(stop, UKVMM_STOP_POWEROFF);
	case HVT_BROKEN:
		break;
	}
	stop->flags |= UKVMM_STOP_GUEST_ERROR;
	return end_by(stop, UKVMM_STOP_FAULT);
}

int vm_hvt_memory(struct ukvmm_stop *stop)
{
	stop->flags |= UKVMM_STOP_GUEST_ERROR;
	return end_by(stop, UKVMM_STOP_FAULT);
}

static void explain_memory(struct run *r)
{
	uint64_t addr = r->vcpu->access.exit.addr;

	err_set(r->err, -EFAULT, "ukvmm_vcpu_run", r->vcpu->kvm->name,
		mem_ptr(&r->vcpu->vm->ram, addr, 1) ?
			SOLO5_FAULT "the guest wrote to 0x%llx, which is read-only: code or constants" :
			"the guest accessed 0x%llx, where it has no memory",
		(unsigned long long)addr);
}

static void explain_call(struct run *r)
{
	const struct vm_hvt *hvt = &r->vcpu->vm->hvt;

	err_set(r->err, -EIO, "ukvmm_vcpu_run", r->vcpu->kvm->name, "the guest made Solo5 hypercall %u, but %s", hvt->call,
		hvt->why);
}

void vm_hvt_explain(struct run *r)
{
	if (r->vcpu->access.space == UKVMM_SPACE_MEMORY)
		explain_memory(r);
	else
		explain_call(r);
}

int vm_hvt_write_fault(struct run *r)
{
	struct ukvmm_x86_regs regs;
	int rc = kvm_vcpu_regs(r->vcpu->kvm, &regs);

	if (rc)
		return err_set(r->err, rc, "KVM_GET_REGS", r->vcpu->kvm->name, "%s", strerror(-rc));
	err_set(r->err, -EFAULT, "KVM_RUN", r->vcpu->kvm->name,
		SOLO5_FAULT "the guest's code at 0x%llx wrote to what is read-only: code or constants",
		(unsigned long long)regs.rip);
	r->stop.flags |= UKVMM_STOP_GUEST_ERROR;
	return end_by(&r->stop, UKVMM_STOP_FAULT);
}

/* BROKEN: the run's stop and error are filled in. */
static enum hvt_result go_on(struct run *r)
{
	struct vm_hvt *hvt = &r->vcpu->vm->hvt;
	enum hvt_result result;

	hvt->call = hvt_open(hvt->guest);
	result = hvt_continue(hvt->guest, &hvt->why);
	if (result == HVT_BROKEN) {
		r->stop.flags |= UKVMM_STOP_GUEST_ERROR;
		end_by(&r->stop, UKVMM_STOP_FAULT);
		explain_call(r);
	}
	return result;
}

int vm_hvt_wait(struct run *r)
{
	struct ukvmm_vm *vm = r->vcpu->vm;
	struct pollfd fds[HVT_HANDLES + 1];
	struct timespec left = { 0 };
	uint64_t deadline, now;
	uint32_t n;

	switch (go_on(r)) {
	case HVT_WAITS:
		break;
	case HVT_BROKEN:
		return 1;
	default:
		return 0;
	}
	n = hvt_wait_for(vm->hvt.guest, fds, &deadline);
	/* A kick, pause or stop sends the signal after its reason was stored, and attend() has looked before: one
	 * that came in between is pending, and the descriptor readable. */
	fds[n] = (struct pollfd){ .fd = vm->hvt.signals, .events = POLLIN };
	now = vm_clock(vm);
	if (deadline > now) {
		left.tv_sec = (time_t)((deadline - now) / 1000000000u);
		left.tv_nsec = (long)((deadline - now) % 1000000000u);
	}
	if (ppoll(fds, n + 1, &left, NULL) < 0 && errno != EINTR)
		return err_set(r->err, -errno, "ppoll", r->vcpu->kvm->name, "%s", strerror(errno));
	return fds[n].revents ? run_interrupted(r) : 0;
}
