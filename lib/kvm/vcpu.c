/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kvm_internal.h"

static int map_run(struct kvm_vcpu *vcpu, struct ukvmm_err *err)
{
	const struct kvm_host *host = vcpu->vm->host;
	void *p;
	int rc = host->sys->mmap(host->sys->ctx, vcpu->fd, host->run_bytes, &p);

	if (rc < 0)
		return kvm_fail(err, rc, "mmap", vcpu->name);
	vcpu->run = p;
	return 0;
}

/* Inside KVM_RUN every signal but the kick waits: the caller keeps the kick blocked outside, so that one
 * that comes early is still pending when KVM_RUN looks. */
static int set_signal_mask(struct kvm_vcpu *vcpu, int kick, struct ukvmm_err *err)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t blocked; /* the kernel's sigset_t */
	} __attribute__((packed)) mask = { .head.len = 8 };
	int rc;

	if (kick < 1 || kick > 64)
		return err_set(err, -EINVAL, "KVM_SET_SIGNAL_MASK", vcpu->name, "%d is not a signal", kick);
	mask.blocked = ~(UINT64_C(1) << (kick - 1));
	rc = vcpu_ioctl_p(vcpu, KVM_SET_SIGNAL_MASK, &mask);
	return rc < 0 ? kvm_fail(err, rc, "KVM_SET_SIGNAL_MASK", vcpu->name) : 0;
}

int kvm_vcpu_init(struct kvm_vcpu *vcpu, struct kvm_vm *vm, uint32_t index, int kick, struct ukvmm_err *err)
{
	int rc;

	*vcpu = (struct kvm_vcpu){ .vm = vm, .fd = -1, .index = index, .kick = kick };
	vcpu->waiting = index && vm->irqchip != KVM_CHIP_NONE;
	kvm_vcpu_rename(vcpu, vm->name);
	vcpu->fd = kvm_ioctl(vm->host, vm->fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		return kvm_fail(err, vcpu->fd, "KVM_CREATE_VCPU", vcpu->name);
	rc = map_run(vcpu, err);
	if (!rc)
		rc = kvm_arch_vcpu_init(vcpu, err);
	if (!rc)
		rc = set_signal_mask(vcpu, kick, err);
	if (rc)
		kvm_vcpu_fini(vcpu);
	return rc;
}

void kvm_vcpu_fini(struct kvm_vcpu *vcpu)
{
	const struct kvm_sys *sys = vcpu->vm ? vcpu->vm->host->sys : NULL;

	if (!sys)
		return;
	if (vcpu->run)
		sys->munmap(sys->ctx, vcpu->run, vcpu->vm->host->run_bytes);
	if (vcpu->fd >= 0)
		sys->close(sys->ctx, vcpu->fd);
	*vcpu = (struct kvm_vcpu){ .fd = -1 };
}

void kvm_vcpu_rename(struct kvm_vcpu *vcpu, const char *vm_name)
{
	snprintf(vcpu->name, sizeof vcpu->name, "%.47s/vcpu%u", vm_name, vcpu->index);
}

void kvm_vcpu_immediate_exit(struct kvm_vcpu *vcpu, bool on)
{
	__atomic_store_n(&vcpu->run->immediate_exit, on, __ATOMIC_RELAXED);
}

bool kvm_vcpu_inject_ready(const struct kvm_vcpu *vcpu)
{
	return vcpu->run->ready_for_interrupt_injection;
}

void kvm_vcpu_want_window(struct kvm_vcpu *vcpu, bool on)
{
	vcpu->run->request_interrupt_window = on;
}

int kvm_vcpu_inject(struct kvm_vcpu *vcpu, uint8_t vector)
{
	struct kvm_interrupt irq = { .irq = vector };
	int rc = vcpu_ioctl_p(vcpu, KVM_INTERRUPT, &irq);

	if (rc < 0)
		return rc;
	/* One at a time: KVM says ready again when it has gone in. Until then no ioctl shows it. */
	vcpu->run->ready_for_interrupt_injection = 0;
	vcpu->extint = (uint16_t)(0x100 | vector);
	return 0;
}

bool kvm_vcpu_interrupts_off(const struct kvm_vcpu *vcpu)
{
	return !vcpu->run->if_flag;
}

static int mp_state(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state state = { 0 };
	int rc = vcpu_ioctl_p(vcpu, KVM_GET_MP_STATE, &state);

	return rc < 0 ? rc : (int)state.mp_state;
}

int kvm_vcpu_is_halted(struct kvm_vcpu *vcpu)
{
	int state = mp_state(vcpu);

	return state < 0 ? state : state == KVM_MP_STATE_HALTED;
}

int kvm_vcpu_is_waiting(struct kvm_vcpu *vcpu)
{
	int state = mp_state(vcpu);

	return state < 0 ? state : state == KVM_MP_STATE_UNINITIALIZED || state == KVM_MP_STATE_INIT_RECEIVED;
}
