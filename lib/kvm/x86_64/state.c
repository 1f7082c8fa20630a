/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state walks. One order serves both directions: KVM_GET_MP_STATE takes in INIT and SIPI and so comes
 * before everything it changes; on a load SREGS (the APIC's base and mode) come before the LAPIC, the LAPIC
 * (the timer's mode) before the MSRs (its deadline), and what SET_REGS and SET_SREGS clear, the events, last.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm_x86.h"

enum { XSAVE_MIN = 4096, XSAVE_MAX = 1 << 16, IRQCHIPS = 3 };

struct io {
	const char *section, *get_name, *set_name;
	unsigned long get, set;
};

static int bad_state(struct ukvmm_state *s, const char *object, struct ukvmm_err *err)
{
	return err_set(err, s->error, "state", object, "section %s of the saved state is not what it should be",
		s->section);
}

static int begin(struct ukvmm_state *s, const char *section)
{
	uint32_t version = 1;
	int rc = state_begin(s, section, &version);

	return rc ? rc : version == 1 ? 0 : state_fail(s, -ENOTSUP);
}

static int section_of(struct ukvmm_state *s, const char *section, void *p, size_t len)
{
	int rc = begin(s, section);

	if (!rc)
		rc = ukvmm_state_bytes(s, p, len);
	return rc ? rc : state_end(s);
}

/* A structure that one ioctl reads and another writes, as a section of its own. */
static int walk_struct(const struct kvm_host *host, int fd, const char *object, const struct io *io, void *p,
	size_t len, struct ukvmm_state *s, struct ukvmm_err *err)
{
	int rc;

	if (!s->loading) {
		rc = kvm_ioctl_p(host, fd, io->get, p);
		if (rc < 0)
			return kvm_fail(err, state_fail(s, rc), io->get_name, object);
	}
	if (section_of(s, io->section, p, len))
		return bad_state(s, object, err);
	if (!s->loading)
		return 0;
	rc = kvm_ioctl_p(host, fd, io->set, p);
	return rc < 0 ? kvm_fail(err, state_fail(s, rc), io->set_name, object) : 0;
}

static int walk_vcpu(struct kvm_vcpu *vcpu, const struct io *io, void *p, size_t len, struct ukvmm_state *s,
	struct ukvmm_err *err)
{
	return walk_struct(vcpu->vm->host, vcpu->fd, vcpu->name, io, p, len, s, err);
}

/* Which vCPU this is, and what the state outside of KVM was. */
static int walk_identity(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	uint32_t id[3] = { vcpu->index, vcpu->vm->irqchip, vcpu->extint }, saved[3];

	memcpy(saved, id, sizeof saved);
	if (section_of(s, "kvm.vcpu", saved, sizeof saved))
		return bad_state(s, vcpu->name, err);
	if (saved[0] != id[0] || saved[1] != id[1] || (saved[2] && (saved[2] < 0x100 || saved[2] > 0x1ff)))
		return err_set(err, state_fail(s, -EINVAL), "state", vcpu->name,
			"the saved state is of vCPU %u with interrupt chip %u, not of %u with %u", saved[0],
			saved[1], id[0], id[1]);
	if (s->loading)
		vcpu->extint = (uint16_t)saved[2];
	return 0;
}

static int walk_mp_state(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	static const struct io io = { "kvm.mp_state", "KVM_GET_MP_STATE", "KVM_SET_MP_STATE", KVM_GET_MP_STATE,
		KVM_SET_MP_STATE };
	struct kvm_mp_state state = { 0 };
	int rc = walk_vcpu(vcpu, &io, &state, sizeof state, s, err);

	if (!rc && s->loading)
		vcpu->waiting = state.mp_state == KVM_MP_STATE_UNINITIALIZED ||
			state.mp_state == KVM_MP_STATE_INIT_RECEIVED;
	return rc;
}

static int walk_registers(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	static const struct io regs_io = { "kvm.regs", "KVM_GET_REGS", "KVM_SET_REGS", KVM_GET_REGS,
		KVM_SET_REGS };
	static const struct io sregs_io = { "kvm.sregs", "KVM_GET_SREGS", "KVM_SET_SREGS", KVM_GET_SREGS,
		KVM_SET_SREGS };
	struct kvm_regs regs = { 0 };
	struct kvm_sregs sregs = { 0 };
	int rc = walk_vcpu(vcpu, &regs_io, &regs, sizeof regs, s, err);

	if (!rc)
		rc = walk_vcpu(vcpu, &sregs_io, &sregs, sizeof sregs, s, err);
	if (rc || !s->loading)
		return rc;
	/* what the run structure would say if the vCPU had stopped here */
	vcpu->run->if_flag = regs.rflags >> 9 & 1;
	vcpu->run->ready_for_interrupt_injection = 0;
	vcpu->run->cr8 = sregs.cr8;
	vcpu->run->kvm_dirty_regs = 0;
	return 0;
}

/* KVM_GET_XSAVE2 writes as many bytes as the VM's capability says; KVM_SET_XSAVE reads as many. */
static int xsave_bytes(struct kvm_vcpu *vcpu, uint32_t *bytes, struct ukvmm_err *err)
{
	int rc = kvm_ioctl(vcpu->vm->host, vcpu->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	if (rc < 0)
		return kvm_fail(err, rc, "KVM_CHECK_EXTENSION", vcpu->name);
	if (rc > XSAVE_MAX)
		return kvm_fail(err, -EOVERFLOW, "KVM_CHECK_EXTENSION", vcpu->name);
	*bytes = rc < XSAVE_MIN ? 0 : (uint32_t)rc;
	return 0;
}

static int walk_xsave_area(struct kvm_vcpu *vcpu, void *area, uint32_t have, struct ukvmm_state *s,
	struct ukvmm_err *err)
{
	unsigned long get = have ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
	uint32_t bytes = have ? have : XSAVE_MIN, saved = bytes;
	int rc;

	if (!s->loading) {
		rc = vcpu_ioctl_p(vcpu, get, area);
		if (rc < 0)
			return kvm_fail(err, state_fail(s, rc), have ? "KVM_GET_XSAVE2" : "KVM_GET_XSAVE",
				vcpu->name);
	}
	if (begin(s, "kvm.xsave") || state_field(s, saved))
		return bad_state(s, vcpu->name, err);
	if (saved < XSAVE_MIN || saved > bytes)
		return err_set(err, state_fail(s, saved > bytes ? -ENOTSUP : -EINVAL), "state", vcpu->name,
			"the saved FPU state has %u bytes, this host takes %d to %u", saved, XSAVE_MIN, bytes);
	if (ukvmm_state_bytes(s, area, saved) || state_end(s))
		return bad_state(s, vcpu->name, err);
	if (!s->loading)
		return 0;
	rc = vcpu_ioctl_p(vcpu, KVM_SET_XSAVE, area);
	return rc < 0 ? kvm_fail(err, state_fail(s, rc), "KVM_SET_XSAVE", vcpu->name) : 0;
}

static int walk_xsave(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	uint32_t bytes = 0;
	void *area;
	int rc = xsave_bytes(vcpu, &bytes, err);

	if (rc)
		return state_fail(s, rc);
	area = calloc(1, bytes ? bytes : XSAVE_MIN);
	if (!area)
		return kvm_fail(err, state_fail(s, -ENOMEM), "malloc", vcpu->name);
	rc = walk_xsave_area(vcpu, area, bytes, s, err);
	free(area);
	return rc;
}

/* A CPU without XSAVE has none: saved as no register, and one that enables more than x87 cannot be loaded. */
static int walk_no_xcrs(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	struct kvm_xcrs xcrs = { 0 };

	if (section_of(s, "kvm.xcrs", &xcrs, sizeof xcrs))
		return bad_state(s, vcpu->name, err);
	for (uint32_t i = 0; i < xcrs.nr_xcrs && i < KVM_MAX_XCRS; i++)
		if (xcrs.xcrs[i].value != 1)
			return err_set(err, state_fail(s, -ENOTSUP), "state", vcpu->name,
				"the saved state uses XSAVE, which this host's CPU has not");
	return 0;
}

static int walk_xcrs(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	static const struct io xcrs_io = { "kvm.xcrs", "KVM_GET_XCRS", "KVM_SET_XCRS", KVM_GET_XCRS,
		KVM_SET_XCRS };
	struct kvm_xcrs xcrs = { 0 };

	if (!vcpu->vm->host->has_xcrs)
		return walk_no_xcrs(vcpu, s, err);
	return walk_vcpu(vcpu, &xcrs_io, &xcrs, sizeof xcrs, s, err);
}

static int walk_fpu(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	static const struct io debug_io = { "kvm.debugregs", "KVM_GET_DEBUGREGS", "KVM_SET_DEBUGREGS",
		KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS };
	struct kvm_debugregs debug = { 0 };
	int rc = walk_xcrs(vcpu, s, err);

	if (!rc)
		rc = walk_xsave(vcpu, s, err);
	return rc ? rc : walk_vcpu(vcpu, &debug_io, &debug, sizeof debug, s, err);
}

/* Read and written by hand, for the timer's sake. `left`: what it had when it was settled. */
static int walk_lapic(struct kvm_vcpu *vcpu, uint32_t left, struct ukvmm_state *s, struct ukvmm_err *err)
{
	struct kvm_lapic_state lapic = { 0 };
	int rc;

	if (vcpu->vm->irqchip == KVM_CHIP_NONE)
		return 0;
	if (!s->loading) {
		rc = vcpu_ioctl_p(vcpu, KVM_GET_LAPIC, &lapic);
		if (rc < 0)
			return kvm_fail(err, state_fail(s, rc), "KVM_GET_LAPIC", vcpu->name);
		x86_timer_saved(&lapic, left);
	}
	if (section_of(s, "kvm.lapic", &lapic, sizeof lapic))
		return bad_state(s, vcpu->name, err);
	if (!s->loading)
		return 0;
	x86_timer_loaded(&lapic);
	rc = vcpu_ioctl_p(vcpu, KVM_SET_LAPIC, &lapic);
	return rc < 0 ? kvm_fail(err, state_fail(s, rc), "KVM_SET_LAPIC", vcpu->name) : 0;
}

static int walk_events(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	static const struct io io = { "kvm.events", "KVM_GET_VCPU_EVENTS", "KVM_SET_VCPU_EVENTS",
		KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS };
	struct kvm_vcpu_events events = { 0 };
	int rc = walk_vcpu(vcpu, &io, &events, sizeof events, s, err);

	if (rc || !s->loading || !vcpu->extint)
		return rc;
	rc = kvm_vcpu_inject(vcpu, (uint8_t)vcpu->extint);
	return rc ? kvm_fail(err, state_fail(s, rc), "KVM_INTERRUPT", vcpu->name) : 0;
}

int kvm_vcpu_walk(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	uint32_t left = 0;
	int rc;

	if (vcpu->io_pending && !s->loading)
		return kvm_fail(err, state_fail(s, -EBUSY), "kvm_vcpu_walk", vcpu->name);
	vcpu->io_pending = false;
	if (!s->loading && (rc = x86_timer_settle(vcpu, &left, err)))
		return state_fail(s, rc);
	rc = walk_identity(vcpu, s, err);
	if (!rc)
		rc = walk_mp_state(vcpu, s, err);
	if (!rc)
		rc = walk_registers(vcpu, s, err);
	if (!rc)
		rc = walk_fpu(vcpu, s, err);
	if (!rc)
		rc = walk_lapic(vcpu, left, s, err);
	if (!rc)
		rc = x86_msrs_walk(vcpu, s, err);
	return rc ? rc : walk_events(vcpu, s, err);
}

/* Guest time stands still while it is saved: no realtime correction is asked for. */
static int walk_clock(struct kvm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err)
{
	struct kvm_clock_data clock = { 0 };
	uint64_t ns;
	int rc;

	if (!s->loading) {
		rc = kvm_ioctl_p(vm->host, vm->fd, KVM_GET_CLOCK, &clock);
		if (rc < 0)
			return kvm_fail(err, state_fail(s, rc), "KVM_GET_CLOCK", vm->name);
	}
	ns = clock.clock;
	if (section_of(s, "kvm.clock", &ns, sizeof ns))
		return bad_state(s, vm->name, err);
	if (!s->loading)
		return 0;
	clock = (struct kvm_clock_data){ .clock = ns };
	rc = kvm_ioctl_p(vm->host, vm->fd, KVM_SET_CLOCK, &clock);
	return rc < 0 ? kvm_fail(err, state_fail(s, rc), "KVM_SET_CLOCK", vm->name) : 0;
}

static int walk_chips(struct kvm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err)
{
	static const struct io chip_io = { "kvm.irqchip", "KVM_GET_IRQCHIP", "KVM_SET_IRQCHIP",
		KVM_GET_IRQCHIP, KVM_SET_IRQCHIP };
	static const struct io pit_io = { "kvm.pit", "KVM_GET_PIT2", "KVM_SET_PIT2", KVM_GET_PIT2,
		KVM_SET_PIT2 };
	struct kvm_pit_state2 pit = { 0 };
	int rc;

	for (uint32_t i = 0; i < IRQCHIPS; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		rc = walk_struct(vm->host, vm->fd, vm->name, &chip_io, &chip, sizeof chip, s, err);
		if (rc)
			return rc;
	}
	return walk_struct(vm->host, vm->fd, vm->name, &pit_io, &pit, sizeof pit, s, err);
}

int kvm_vm_walk(struct kvm_vm *vm, struct ukvmm_state *s, struct ukvmm_err *err)
{
	int rc = walk_clock(vm, s, err);

	return rc || vm->irqchip != KVM_CHIP_FULL ? rc : walk_chips(vm, s, err);
}
