/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSRs one by one. KVM takes them in batches and stops at the first that it refuses, so a batch goes on after
 * it: as many calls as there are refusals. Which MSRs a host reads and writes differs between vendors and
 * kernels; each has a verdict of its own.
 */
#include <errno.h>
#include <stdlib.h>

#include "kvm_x86.h"

enum { MSR_UNREADABLE = 0, MSR_SAVED = 1, BATCH = 256 /* KVM's limit */ };

struct msr_record {
	uint32_t index, verdict;
	uint64_t value;
};

struct msr_walk {
	uint32_t n;
	struct msr_record rec[X86_MSRS_MAX];
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[BATCH];
	} batch;
};

/* Reads or writes rec[from, from + n); how many went through, or negative errno. */
static int transfer(struct kvm_vcpu *vcpu, unsigned long request, struct msr_walk *w, uint32_t from, uint32_t n)
{
	int rc;

	w->batch.head = (struct kvm_msrs){ .nmsrs = n };
	for (uint32_t i = 0; i < n; i++)
		w->batch.entry[i] =
			(struct kvm_msr_entry){ w->rec[from + i].index, 0, w->rec[from + i].value };
	rc = vcpu_ioctl_p(vcpu, request, &w->batch);
	for (int i = 0; i < rc && i < (int)n; i++)
		w->rec[from + (uint32_t)i].value = w->batch.entry[i].data;
	return rc > (int)n ? (int)n : rc;
}

typedef int refused_fn(struct kvm_vcpu *vcpu, struct msr_record *rec, struct ukvmm_err *err);

static int transfer_all(struct kvm_vcpu *vcpu, unsigned long request, const char *name, struct msr_walk *w,
	refused_fn *refused, struct ukvmm_err *err)
{
	uint32_t i = 0;

	while (i < w->n) {
		uint32_t n = w->n - i < BATCH ? w->n - i : BATCH;
		int rc = transfer(vcpu, request, w, i, n);

		if (rc < 0)
			return kvm_fail(err, rc, name, vcpu->name);
		i += (uint32_t)rc;
		if ((uint32_t)rc == n)
			continue;
		rc = refused(vcpu, &w->rec[i++], err);
		if (rc)
			return rc;
	}
	return 0;
}

static int mark_unreadable(struct kvm_vcpu *vcpu, struct msr_record *rec, struct ukvmm_err *err)
{
	(void)vcpu;
	(void)err;
	rec->verdict = MSR_UNREADABLE;
	rec->value = 0;
	return 0;
}

int x86_msr_read(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} msr = { .head.nmsrs = 1, .entry[0].index = index };
	int rc = vcpu_ioctl_p(vcpu, KVM_GET_MSRS, &msr);

	if (rc != 1)
		return rc < 0 ? rc : -EINVAL;
	*value = msr.entry[0].data;
	return 0;
}

/* Not being able to set what is zero, or there already, loses nothing. */
static int refused_write(struct kvm_vcpu *vcpu, struct msr_record *rec, struct ukvmm_err *err)
{
	uint64_t now;

	if (!rec->value || (!x86_msr_read(vcpu, rec->index, &now) && now == rec->value))
		return 0;
	return err_set(err, -ENOTSUP, "KVM_SET_MSRS", vcpu->name,
		"this host's KVM refuses MSR 0x%x = 0x%llx, which the saved guest had", rec->index,
		(unsigned long long)rec->value);
}

static void save_all(struct kvm_vcpu *vcpu, struct msr_walk *w)
{
	const struct kvm_host_x86 *x86 = vcpu->vm->host->x86;

	w->n = x86->msrs;
	for (uint32_t i = 0; i < w->n; i++)
		w->rec[i] = (struct msr_record){ .index = x86->msr[i], .verdict = MSR_SAVED };
}

/* Only MSRs that are a guest's state, as this host sees it, may come in from a file. */
static bool is_listed(const struct kvm_host_x86 *x86, uint32_t index)
{
	for (uint32_t i = 0; i < x86->msrs; i++)
		if (x86->msr[i] == index)
			return true;
	return false;
}

/* Keeps what is to be written. */
static int check_loaded(struct kvm_vcpu *vcpu, struct msr_walk *w, struct ukvmm_err *err)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		struct msr_record *rec = &w->rec[i];

		if (rec->verdict > MSR_SAVED)
			return err_set(err, -EINVAL, "state", vcpu->name, "MSR 0x%x has no valid verdict",
				rec->index);
		if (rec->verdict == MSR_UNREADABLE)
			continue;
		if (is_listed(vcpu->vm->host->x86, rec->index))
			w->rec[kept++] = *rec;
		else if (rec->value)
			return err_set(err, -ENOTSUP, "state", vcpu->name,
				"the saved guest had MSR 0x%x = 0x%llx, which this host does not have",
				rec->index, (unsigned long long)rec->value);
	}
	w->n = kept;
	return 0;
}

static int walk_section(struct kvm_vcpu *vcpu, struct msr_walk *w, struct ukvmm_state *s, struct ukvmm_err *err)
{
	uint32_t version = 1;

	state_begin(s, "kvm.msrs", &version);
	if (!s->error && version != 1)
		state_fail(s, -ENOTSUP);
	if (!s->error)
		state_field(s, w->n);
	if (!s->error && w->n > X86_MSRS_MAX)
		state_fail(s, -EINVAL);
	if (!s->error)
		ukvmm_state_bytes(s, w->rec, w->n * sizeof w->rec[0]);
	if (s->error || state_end(s))
		return err_set(err, s->error, "state", vcpu->name,
			"section %s of the saved state is not what it should be", s->section);
	return 0;
}

/*
 * KVM before 6.8 takes a TSC within a second of what the VM's counter is already for an attempt to synchronise vCPUs, and
 * keeps its own: a guest loaded into a young VM would see time run backwards. A write far from both ends that. The other
 * vCPUs come after the first, and for them the guess is right: it makes up for the time between their writes.
 */
static int forget_tsc(struct kvm_vcpu *vcpu, const struct msr_walk *w, struct ukvmm_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; !vcpu->index && rc >= 0 && i < w->n; i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry[1];
		} far = { .head.nmsrs = 1, .entry[0] = { X86_MSR_TSC, 0, w->rec[i].value + (1ull << 48) } };

		/* a host that refuses it will refuse the write that matters, which reports it */
		if (w->rec[i].index == X86_MSR_TSC)
			rc = vcpu_ioctl_p(vcpu, KVM_SET_MSRS, &far);
	}
	return rc < 0 ? kvm_fail(err, rc, "KVM_SET_MSRS", vcpu->name) : 0;
}

static int walk(struct kvm_vcpu *vcpu, struct msr_walk *w, struct ukvmm_state *s, struct ukvmm_err *err)
{
	int rc = 0;

	if (!s->loading) {
		save_all(vcpu, w);
		rc = transfer_all(vcpu, KVM_GET_MSRS, "KVM_GET_MSRS", w, mark_unreadable, err);
	}
	if (!rc)
		rc = walk_section(vcpu, w, s, err);
	if (rc || !s->loading)
		return rc;
	rc = check_loaded(vcpu, w, err);
	if (!rc)
		rc = forget_tsc(vcpu, w, err);
	return rc ? rc : transfer_all(vcpu, KVM_SET_MSRS, "KVM_SET_MSRS", w, refused_write, err);
}

int x86_msrs_walk(struct kvm_vcpu *vcpu, struct ukvmm_state *s, struct ukvmm_err *err)
{
	struct msr_walk *w = calloc(1, sizeof *w); /* 20 KiB: too much for a stack that is not ours */
	int rc;

	if (!w)
		return kvm_fail(err, state_fail(s, -ENOMEM), "malloc", vcpu->name);
	rc = walk(vcpu, w, s, err);
	free(w);
	return rc ? state_fail(s, rc) : 0;
}
