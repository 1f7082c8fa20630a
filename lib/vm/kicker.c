/* SPDX-License-Identifier: Apache-2.0 */
#include "kicker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "export.h"
#include "lineage.h"

struct ukvmm_kicker *kicker_new(int signal, struct lineage *process)
{
	struct ukvmm_kicker *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	atomic_init(&k->refs, 1);
	k->process = lineage_ref(process);
	k->signal = signal;
	return k;
}

void kicker_poke(struct ukvmm_kicker *k)
{
	pid_t pid = lineage_pid(k->process);
	int saved = errno, tid;

	/* A thread that leaves clears tid, then waits for senders: those who come later must not count. */
	if (!atomic_load(&k->tid))
		return;
	atomic_fetch_add(&k->senders, 1);
	/* The thread belongs to the process that made the VM: a child's copy of the handle reaches nobody. */
	tid = pid ? atomic_load(&k->tid) : 0;
	/* Not sent: the user's limit of queued signals is used up; the next one tries again. */
	if (tid && !atomic_exchange(&k->sent, 1) && syscall(SYS_tgkill, pid, tid, k->signal))
		atomic_store(&k->sent, 0);
	atomic_fetch_sub(&k->senders, 1);
	errno = saved;
}

static void kicker_set(const struct ukvmm_kicker *k, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, k->signal);
}

void kicker_enter(struct ukvmm_kicker *k, pid_t tid, sigset_t *saved)
{
	sigset_t set;

	kicker_set(k, &set);
	pthread_sigmask(SIG_BLOCK, &set, saved);
	atomic_store(&k->sent, 0);
	atomic_store(&k->tid, tid);
}

bool kicker_take_signals(struct ukvmm_kicker *k)
{
	const struct timespec now = { 0 };
	bool any = false;
	sigset_t set;

	kicker_set(k, &set);
	while (sigtimedwait(&set, NULL, &now) > 0)
		any = true;
	/* After the taking: whoever finds it set before this has told the reason already, and the caller looks for
	 * reasons next. */
	atomic_store(&k->sent, 0);
	return any;
}

void kicker_leave(struct ukvmm_kicker *k, const sigset_t *saved)
{
	const struct timespec moment = { .tv_nsec = 50000 };
	sigset_t set;

	kicker_set(k, &set);
	atomic_store(&k->tid, 0);
	/* who counts as a sender is about to send what is waited for, or has found that it need not */
	while (atomic_load(&k->senders))
		sigtimedwait(&set, NULL, &moment);
	kicker_take_signals(k);
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

bool kicker_take_kick(struct ukvmm_kicker *k)
{
	return atomic_load(&k->kicked) && atomic_exchange(&k->kicked, 0);
}

UKVMM_API void ukvmm_kick(struct ukvmm_kicker *kicker)
{
	atomic_fetch_add(&kicker->kicks, 1);
	atomic_store(&kicker->kicked, 1);
	kicker_poke(kicker);
}

UKVMM_API void ukvmm_kicker_unref(struct ukvmm_kicker *kicker)
{
	if (!kicker || atomic_fetch_sub(&kicker->refs, 1) != 1)
		return;
	lineage_unref(kicker->process);
	free(kicker);
}
