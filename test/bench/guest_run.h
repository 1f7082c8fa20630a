/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The io guest (test/guests/guest/io.c), run once to its end by the library or by QEMU's microvm, in a process of
 * its own, and the figures that it printed. A guest that does not end with its OK ends the benchmark.
 */
#ifndef GUEST_RUN_H
#define GUEST_RUN_H

#include <stdint.h>

enum guest_net { GUEST_NET_NONE, GUEST_NET_STREAM, GUEST_NET_DATAGRAM, GUEST_NET_TAP, GUEST_NET_PAIR };

/* A device of this benchmark's own, type 63, that answers at once: in the poller, or within the kick. */
enum guest_own { GUEST_OWN_NONE, GUEST_OWN_POLLER, GUEST_OWN_INLINE };

/* Under the library's filters: as many calls as a sealed process has threads of any role for; and with that, devices on
 * the poller's thread only, as where a vCPU's thread is left with the least. */
enum guest_sealed { GUEST_NOT_SEALED, GUEST_SEALED, GUEST_SEALED_STRICT };

struct guest_job {
	const char *cmdline; /* tsc_khz= is added */
	const char *disk;    /* a raw file; NULL: no disk */
	enum guest_net net;
	const char *net_name; /* path of the listening stream, of the peer's datagram socket; name of the tap */
	const char *net_own;  /* path for the guest's own datagram socket */
	int rng;
	/* ours only */
	int net_fd; /* GUEST_NET_PAIR: one end of a packet socketpair, inherited */
	enum guest_own own;
	enum guest_sealed sealed;
	uint32_t kicks;	    /* UKVMM_KICKS_* */
	uint32_t blk_flags; /* UKVMM_BLK_* */
	/* QEMU only */
	const char *aio; /* "threads", "io_uring", "native" */
	int iothread;	 /* the disk's queue in a thread of its own */
};

struct guest_result {
	double ns, count, bytes, kicks, irqs;
	double p50, p95, p99; /* ns; 0: no single times */
	double cpu_ms;	      /* of the whole process */
	/* ours only */
	double exits, io_cpu_ms;
};

void guest_ukvmm(const struct guest_job *job, struct guest_result *result);
void guest_qemu(const struct guest_job *job, struct guest_result *result);

/* What both print, taken apart. */
void guest_parse(const char *who, const char *output, struct guest_result *result);
uint32_t guest_tsc_khz(void);

#endif
