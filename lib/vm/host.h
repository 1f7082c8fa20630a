/* SPDX-License-Identifier: Apache-2.0 */
/* The host: KVM, the work queue and the pools of shells. */
#ifndef VM_HOST_H
#define VM_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

#include "engine.h"
#include "kvm.h"
#include "mem.h"

/* A blocking job, part of the object it works on. */
struct job {
	struct job *next;
	void (*run)(struct job *job);
};

/* What distinguishes VMs that can be made ahead. */
struct shell_kind {
	uint64_t memory;
	uint32_t vcpus;
	enum kvm_chip irqchip;
};

/* A KVM VM with its slots over a reservation and its vCPUs: everything that depends on no image. */
struct shell {
	struct job job; /* its closing */
	struct shell *next;
	struct ukvmm_host *host;
	struct shell_kind kind;
	struct mem mem;
	struct kvm_vm kvm;
	struct kvm_vcpu vcpu[];
};

struct shell_pool {
	struct job refill;
	bool refilling;
	struct shell_pool *next;
	struct ukvmm_host *host;
	struct shell_kind kind;
	uint32_t target, ready;
	struct shell *shells;
};

struct ukvmm_host {
	struct kvm_host kvm;
	struct lineage *process; /* that uses it: host_process */
	int kick_signal;
	uint32_t max_vms;
	atomic_bool poller_serves; /* a vCPU thread under a filter may not touch devices */
	pthread_mutex_t lock; /* all below */
	pthread_cond_t work;
	uint32_t live_vms, pollers, images;
	struct job *jobs, **jobs_tail;
	uint32_t jobs_len, workers;
	bool stopping;
	struct shell_pool *pools;
	struct engine_threads threads;
	struct uring *uring; /* NULL: nobody has asked for it */
	int uring_refused;   /* a negative errno: it could not be made when there was a time for it */
};

/* ukvmm_host_open on another KVM: `sys` outlives the host. */
int host_open_on(struct ukvmm_host **out, const struct kvm_sys *sys, int kvm_fd,
	const struct ukvmm_host_config *config, struct ukvmm_err *err);

/* Queues a job; runs it at once when nobody works and too many wait. */
void host_queue(struct ukvmm_host *host, struct job *job);
/* Runs what is queued now on this thread. */
void host_drain(struct ukvmm_host *host);

/* The calling process, also where it has the host from a fork. NULL: out of memory, with err. Its own host's. */
struct lineage *host_process(struct ukvmm_host *host, struct ukvmm_err *err);

/* Counts live objects; vm: -EAGAIN past max_vms. */
int host_count_vm(struct ukvmm_host *host, int by);

/* Takes a shell of a kind from its pool, or makes one, and backs it with zeroed RAM. */
int shell_take(struct ukvmm_host *host, const struct shell_kind *kind, enum mem_huge huge, const char *name,
	struct shell **out, struct ukvmm_err *err);
/* Returns the RAM now and queues the closing of the rest. NULL is ignored. */
void shell_retire(struct shell *shell);
/* Between shell.c and shell_pool.c. shell_make with huge NULL: over a bare reservation, for the pool. NULL: none there. */
int shell_make(struct ukvmm_host *host, const struct shell_kind *kind, const enum mem_huge *huge, const char *name,
	struct shell **out, struct ukvmm_err *err);
void shell_close(struct shell *shell);
struct shell *shell_pool_get(struct ukvmm_host *host, const struct shell_kind *kind);
/* Frees every pool and its shells, on this thread. */
void shell_pools_free(struct ukvmm_host *host);

/* The kind that a VM config asks for. -EINVAL: memory or vCPUs out of range. */
int shell_kind_of(struct ukvmm_host *host, const struct ukvmm_vm_config *config, struct shell_kind *kind,
	struct ukvmm_err *err, const char *name);

#endif
