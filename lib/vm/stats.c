/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting, readable from any thread without a lock or an ioctl. */
#include "vm.h"

#include <stdlib.h>

#include "console_port.h"
#include "devices.h"
#include "export.h"
#include "structs.h"
#include "vm_hvt.h"

uint64_t thread_cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The CPU clock of another thread of this process (the kernel's clockid encoding, as in
 * pthread_getcpuclockid); 0 when it is gone. */
static uint64_t thread_cpu_of(pid_t tid)
{
	clockid_t clock = (clockid_t)(~(unsigned)tid << 3 | 6);
	struct timespec t;

	if (clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void stats_begin(struct ukvmm_vcpu *vcpu, pid_t tid)
{
	vcpu->wall_start = ukvmm_now();
	atomic_fetch_add(&vcpu->stat_seq, 1);
	atomic_store(&vcpu->run_cpu_start, thread_cpu_now());
	atomic_store(&vcpu->run_tid, tid);
	atomic_fetch_add(&vcpu->stat_seq, 1);
	atomic_fetch_add(&vcpu->runs, 1);
}

void stats_end(struct ukvmm_vcpu *vcpu)
{
	uint64_t cpu = thread_cpu_now() - atomic_load(&vcpu->run_cpu_start);
	uint64_t wall = ukvmm_now() - vcpu->wall_start;

	atomic_fetch_add(&vcpu->stat_seq, 1);
	atomic_fetch_add(&vcpu->cpu_ns, cpu);
	atomic_fetch_add(&vcpu->halt_ns, wall > cpu ? wall - cpu : 0);
	atomic_store(&vcpu->run_tid, 0);
	atomic_store(&vcpu->exits, vcpu->kvm->exits);
	atomic_fetch_add(&vcpu->stat_seq, 1);
}

uint64_t stats_cpu(const struct ukvmm_vcpu *vcpu)
{
	for (;;) {
		unsigned seq = atomic_load(&vcpu->stat_seq);
		uint64_t total = atomic_load(&vcpu->cpu_ns), start = atomic_load(&vcpu->run_cpu_start);
		pid_t tid = atomic_load(&vcpu->run_tid);
		uint64_t now = tid ? thread_cpu_of(tid) : 0;

		if (seq & 1 || atomic_load(&vcpu->stat_seq) != seq)
			continue;
		return now > start ? total + now - start : total;
	}
}

UKVMM_API int ukvmm_vcpu_stats(const struct ukvmm_vcpu *vcpu, struct ukvmm_vcpu_stats *stats)
{
	struct ukvmm_vcpu_stats s = { .run_cpu_ns = stats_cpu(vcpu) };

	s.halt_ns = atomic_load(&vcpu->halt_ns);
	s.exits = atomic_load(&vcpu->exits);
	s.kicks = atomic_load(&vcpu->kicker->kicks);
	s.runs = atomic_load(&vcpu->runs);
	return struct_give(stats, &s, sizeof s);
}

static void add_device(struct ukvmm_vm_stats *s, const struct ukvmm_device *d)
{
	struct front_stats f = { 0 };

	s->violations += virtio_dev_violations(d->virtio);
	s->unused_devices += !virtio_dev_used(d->virtio);
	if (d->kind == DEVICE_NET) {
		virtio_net_stats(d->ctx, &f);
		s->rx_bytes += f.in_bytes;
		s->tx_bytes += f.out_bytes;
	} else if (d->kind == DEVICE_BLK) {
		virtio_blk_stats(d->ctx, &f);
		s->read_bytes += f.in_bytes;
		s->write_bytes += f.out_bytes;
	}
}

static void add_hvt(struct ukvmm_vm_stats *s, const struct hvt *h)
{
	struct hvt_stats own;

	hvt_stats(h, &own);
	s->violations += own.violations;
	s->rx_bytes += own.rx_bytes;
	s->tx_bytes += own.tx_bytes;
	s->read_bytes += own.read_bytes;
	s->write_bytes += own.write_bytes;
}

UKVMM_API int ukvmm_vm_stats(const struct ukvmm_vm *vm, struct ukvmm_vm_stats *stats)
{
	struct ukvmm_vm_stats s = { .io_cpu_ns = atomic_load(&vm->io_cpu_ns) };

	s.resident_bytes = mem_resident(&vm->ram);
	for (uint32_t i = 0; i < vm->devices; i++)
		add_device(&s, vm->device[i]);
	if (vm_is_hvt(vm))
		add_hvt(&s, vm->hvt.guest);
	console_totals((struct console *)&vm->console, &s.console_bytes, &s.console_lost);
	if (vm->port1) {
		uint64_t bytes, lost;

		console_totals(&vm->port1->out, &bytes, &lost);
		s.console_bytes += bytes;
		s.console_lost += lost;
	}
	s.pci_probes = atomic_load(&vm->pci_probes);
	s.created_at = atomic_load(&vm->created_at);
	s.sealed_at = atomic_load(&vm->sealed_at);
	s.first_entry_at = atomic_load(&vm->first_entry_at);
	s.first_output_at = atomic_load(&vm->first_output_at);
	s.ready_at = atomic_load(&vm->ready_at);
	s.ended_at = atomic_load(&vm->ended_at);
	return struct_give(stats, &s, sizeof s);
}
