/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving a LAPIC timer that counts. When it runs out, KVM keeps the interrupt outside of every register until the
 * next KVM_RUN moves it to the IRR; and KVM_SET_LAPIC starts a timer whose current count is 0 as if it had just run
 * out. So a one-shot timer at 0 says nothing: its interrupt may be on its way, or long served. Both are told apart
 * here, so that none is lost and none comes twice:
 *  - a save first lets KVM move what has run out (a KVM_RUN that a pending signal ends before the guest), and waits for
 *    what should have but has not: a count of 0 says that the time has come, not that the host's timer has fired;
 *  - what runs out between that and the reading of the LAPIC is saved with a count of 1: about to;
 *  - hence a saved count of 0 is a timer that is done, and a load must not start it: its initial count, which
 *    nobody reads back, is dropped.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kvm_x86.h"

static bool counts(const struct kvm_lapic_state *lapic)
{
	uint32_t lvtt = x86_lapic_get(lapic, APIC_LVTT), mode = lvtt & LVTT_MODE;

	return x86_lapic_get(lapic, APIC_TMICT) && !(lvtt & LVT_MASKED) &&
	       (mode == LVTT_ONE_SHOT || mode == LVTT_PERIODIC);
}

static bool is_one_shot(const struct kvm_lapic_state *lapic)
{
	return (x86_lapic_get(lapic, APIC_LVTT) & LVTT_MODE) == LVTT_ONE_SHOT;
}

/* KVM_RUN with the kick pending: no instruction of the guest's runs, but KVM looks at its timers. */
static int run_nothing(struct kvm_vcpu *vcpu, struct kvm_exit *exit)
{
	const struct timespec now = { 0 };
	sigset_t set, old;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, vcpu->kick);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	rc = syscall(SYS_tgkill, getpid(), gettid(), vcpu->kick) ? -errno : kvm_vcpu_run(vcpu, exit);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/*
 * KVM_RUN has brought the LAPIC's timer to the CPU that we are on. The timers of a CPU fire in order, so when this one,
 * which is due later, has ended our wait, the other has fired.
 */
static void let_it_fire(void)
{
	const struct timespec soon = { .tv_nsec = 1 };
	sigset_t none;

	sigemptyset(&none);
	for (int i = 0; i < 8 && sigtimedwait(&none, NULL, &soon) < 0 && errno == EINTR; i++)
		;
}

/* As run_nothing, with -EBUSY for what it may not meet: an exit of the guest's. */
static int move_pending(struct kvm_vcpu *vcpu)
{
	struct kvm_exit exit;
	int rc = run_nothing(vcpu, &exit);

	return !rc && exit.kind != KVM_EXITED_SIGNAL && exit.kind != KVM_EXITED_AGAIN ? -EBUSY : rc;
}

static int get(struct kvm_vcpu *vcpu, struct kvm_lapic_state *lapic, struct ukvmm_err *err)
{
	int rc = vcpu_ioctl_p(vcpu, KVM_GET_LAPIC, lapic);

	return rc < 0 ? kvm_fail(err, rc, "KVM_GET_LAPIC", vcpu->name) : 0;
}

int x86_timer_settle(struct kvm_vcpu *vcpu, uint32_t *left, struct ukvmm_err *err)
{
	struct kvm_lapic_state lapic = { 0 };
	int rc;

	*left = 0;
	if (vcpu->vm->irqchip == KVM_CHIP_NONE)
		return 0;
	rc = get(vcpu, &lapic, err);
	if (rc || !counts(&lapic))
		return rc;
	*left = x86_lapic_get(&lapic, APIC_TMCCT);
	if (is_one_shot(&lapic) && *left)
		return 0;
	rc = move_pending(vcpu);
	if (rc == -EAGAIN) { /* the VM's first KVM_RUN takes no signal: it never ran, so nobody saw an interrupt */
		*left = 1;
		return 0;
	}
	if (!rc && is_one_shot(&lapic)) {
		let_it_fire();
		rc = move_pending(vcpu);
	}
	if (rc)
		return kvm_fail(err, rc, "KVM_RUN", vcpu->name);
	if (is_one_shot(&lapic))
		return 0;
	rc = get(vcpu, &lapic, err);
	*left = x86_lapic_get(&lapic, APIC_TMCCT);
	return rc;
}

void x86_timer_saved(struct kvm_lapic_state *lapic, uint32_t left)
{
	/* a periodic one that has more left than before has begun anew */
	if (counts(lapic) && left && (!x86_lapic_get(lapic, APIC_TMCCT) || x86_lapic_get(lapic, APIC_TMCCT) > left))
		x86_lapic_set(lapic, APIC_TMCCT, 1);
}

void x86_timer_loaded(struct kvm_lapic_state *lapic)
{
	if (counts(lapic) && is_one_shot(lapic) && !x86_lapic_get(lapic, APIC_TMCCT))
		x86_lapic_set(lapic, APIC_TMICT, 0);
}
