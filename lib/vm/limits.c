/* SPDX-License-Identifier: Apache-2.0 */
/* Slice, CPU time and deadline of a run: one POSIX timer per vCPU that sends its thread the kick signal. */
#include "vm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "checked.h"

/* How often CPU time is looked at near its limit: it cannot pass faster than wall time. */
#define CPU_STEP_NS 4000000u

static uint64_t wake_at(const struct ukvmm_vcpu *vcpu, const struct run_limits *l)
{
	uint64_t at = l->slice_end;

	if (l->deadline && (!at || l->deadline < at))
		at = l->deadline;
	if (l->cpu_ns) {
		uint64_t used = stats_cpu(vcpu), left = used < l->cpu_ns ? l->cpu_ns - used : 0;
		uint64_t cpu_at = add_most(ukvmm_now(), left > CPU_STEP_NS ? left : CPU_STEP_NS);

		if (!at || cpu_at < at)
			at = cpu_at;
	}
	return at;
}

static void timer_at(struct ukvmm_vcpu *vcpu, uint64_t at)
{
	struct itimerspec t = { .it_value = { .tv_sec = (time_t)(at / 1000000000u),
					.tv_nsec = (long)(at % 1000000000u) } };

	timer_settime(vcpu->timer, TIMER_ABSTIME, &t, NULL);
}

int limits_arm(struct ukvmm_vcpu *vcpu, const struct run_limits *limits, pid_t tid)
{
	uint64_t at = wake_at(vcpu, limits);
	struct sigevent e;

	vcpu->timer_armed = false;
	if (!at)
		return 0;
	if (vcpu->timer_tid != tid) {
		if (vcpu->timer_tid)
			timer_delete(vcpu->timer);
		vcpu->timer_tid = 0;
		memset(&e, 0, sizeof e);
		e.sigev_notify = SIGEV_THREAD_ID;
		e.sigev_signo = vcpu->kicker->signal;
		e._sigev_un._tid = tid;
		if (timer_create(CLOCK_MONOTONIC, &e, &vcpu->timer))
			return -errno;
		vcpu->timer_tid = tid;
	}
	vcpu->timer_armed = true;
	timer_at(vcpu, at);
	return 0;
}

void limits_disarm(struct ukvmm_vcpu *vcpu)
{
	if (vcpu->timer_armed)
		timer_at(vcpu, 0);
	vcpu->timer_armed = false;
}

int limits_reached(struct ukvmm_vcpu *vcpu, const struct run_limits *l, struct ukvmm_stop *stop)
{
	uint64_t now;

	if (!vcpu->timer_armed)
		return 0;
	now = ukvmm_now();
	if (l->deadline && now >= l->deadline) {
		stop->reason = UKVMM_STOP_DEADLINE;
		return 1;
	}
	if (l->cpu_ns && stats_cpu(vcpu) >= l->cpu_ns) {
		stop->reason = UKVMM_STOP_DEADLINE;
		stop->flags |= UKVMM_STOP_CPU_USED;
		return 1;
	}
	if (l->slice_end && now >= l->slice_end) {
		stop->reason = UKVMM_STOP_SLICE;
		return 1;
	}
	timer_at(vcpu, wake_at(vcpu, l));
	return 0;
}
