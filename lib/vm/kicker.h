/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending a KVM_RUN from outside. The kick signal is blocked while its thread is in ukvmm_vcpu_run and unblocked
 * inside KVM_RUN only (KVM_SET_SIGNAL_MASK), so a signal that comes early stays pending and ends the run at
 * once; no handler ever runs. A thread that leaves waits for senders that may still aim at it, then takes
 * what is pending, and only then restores its mask: a late signal cannot hit it.
 */
#ifndef VM_KICKER_H
#define VM_KICKER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct lineage;

struct ukvmm_kicker {
	atomic_uint refs;
	atomic_uint kicked;  /* sticky, by ukvmm_kick */
	atomic_uint senders; /* between reading tid and having sent */
	atomic_int tid;	     /* the thread inside, 0: none */
	atomic_uint sent;    /* a signal was sent that is not taken yet: real-time signals queue up, and a storm
				of kicks would use up RLIMIT_SIGPENDING, which timers need, too */
	atomic_ulong kicks;
	struct lineage *process; /* that made it: a forked child kicks nobody */
	int signal;
};

/* Takes a reference of `process`. NULL: out of memory. */
struct ukvmm_kicker *kicker_new(int signal, struct lineage *process);

/* Interrupts whoever is inside, without a sticky kick. Any thread, async-signal-safe. */
void kicker_poke(struct ukvmm_kicker *k);

/* Around a run, on its thread. `saved` keeps the thread's mask. */
void kicker_enter(struct ukvmm_kicker *k, pid_t tid, sigset_t *saved);
void kicker_leave(struct ukvmm_kicker *k, const sigset_t *saved);

/* Takes pending kick signals after KVM_RUN was interrupted; were there any? */
bool kicker_take_signals(struct ukvmm_kicker *k);

/* Was there a kick? Takes it. */
bool kicker_take_kick(struct ukvmm_kicker *k);

#endif
