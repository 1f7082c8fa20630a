/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#ifdef __x86_64__
#define CALLS_ARCH &calls_kvm_x86_64,
#else
#define CALLS_ARCH
#endif

const struct call_table *const call_tables[] = { &calls_base, &calls_mem, &calls_kvm, CALLS_ARCH &calls_net,
	&calls_block, &calls_virtio, &calls_sandbox, &calls_vm, NULL };

/* UKVMM_MAY_THREADS: threads of any role */
#define THREADS (CALL_THREADS | CALL_SERVE | CALL_EVERY)
#define LOOKS(set) set, (set) | CALL_STATE, (set) | CALL_INSPECT
#define STREAMS(set) LOOKS(set), LOOKS((set) | CALL_STREAM), LOOKS((set) | CALL_STREAM | CALL_CONNECT)
#define IO_SETS(set) STREAMS(set), STREAMS((set) | CALL_CREATE)

const uint16_t call_sets[] = {
	CALL_VCPU,
	CALL_VCPU | CALL_SERVE,
	CALL_VCPU | CALL_SERVE | CALL_CONNECT | CALL_STREAM,
	IO_SETS(CALL_IO),
	IO_SETS(CALL_IO | THREADS),
	CALL_WORK,
	CALL_WORK | CALL_CREATE,
	0,
};
