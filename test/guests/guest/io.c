/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives virtio-mmio devices from ring 3, checks what comes and takes the time: a test and a load that ukvmm and
 * QEMU's microvm boot alike. The command line:
 *
 *	mode=queue id=N	  n round trips of one request each: kick, device, interrupt, guest (blk: one sector)
 *	mode=ring0	  n ways into ring 0 and back with nothing done there: a part of every wait
 *	mode=rng	  n requests of size= bytes, none equal to the one before
 *	mode=console	  says a line, then n times reads a line and says it back
 *	mode=blk-read	  n reads of size= bytes at random places, qd= at a time, of a disk that holds the pattern
 *	mode=blk-write	  n writes likewise, a flush, then reads back what was written
 *	mode=net-tx	  n frames of size= bytes to the peer, who counts them
 *	mode=net-rx	  n frames from the peer, who sends on request
 *	mode=net-echo	  n frames there and back, one at a time
 *	silent=1	  nothing is said by the serial line: the status tells how it went
 *	tsc_khz=N	  rate of the TSC; 0: the kHz of CPUID 0x40000010
 *	event_idx=0, indirect=1, mrg=1: features
 */
#include "apic.h"
#include "io.h"
#include "ring3.h"
#include "trap.h"

enum { SAMPLES = 65536, MAPPED = 64 << 20 };

static const struct mode {
	const char *name;
	void (*start)(void), (*run)(void);
} modes[] = {
	{"queue", io_queue_start, io_queue},
	{"ring0", io_queue_start, io_ring0},
	{"rng", io_queue_start, io_rng},
	{"console", io_console_start, io_console},
	{"blk-read", io_blk_start, io_blk_read},
	{"blk-write", io_blk_start, io_blk_write},
	{"net-tx", io_net_start, io_net_tx},
	{"net-rx", io_net_start, io_net_rx},
	{"net-echo", io_net_start, io_net_echo},
};

static const struct mode *mode;
static uint64_t tsc_khz, seed = 88172645463325252;
static uint32_t samples[SAMPLES], sampled;

uint64_t io_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

uint64_t io_features(void)
{
	return (arg_number("event_idx", 1) ? VIRTIO_F_EVENT_IDX : 0) |
	       (arg_number("indirect", 0) ? VIRTIO_F_INDIRECT : 0);
}

void io_begin(struct io_result *r)
{
	*r = (struct io_result){.start = rdtsc()};
	sampled = 0;
}

void io_end(struct io_result *r)
{
	r->ticks = rdtsc() - r->start;
}

void io_sample(uint64_t ticks)
{
	if (sampled < SAMPLES)
		samples[sampled++] = ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

static uint64_t ns(uint64_t ticks)
{
	return ticks / tsc_khz * 1000000 + ticks % tsc_khz * 1000000 / tsc_khz;
}

/* Shell sort: a heap of nothing but loops */
static void sort(void)
{
	for (uint32_t gap = sampled / 2; gap; gap /= 2)
		for (uint32_t i = gap; i < sampled; i++) {
			uint32_t v = samples[i], k = i;

			for (; k >= gap && samples[k - gap] > v; k -= gap)
				samples[k] = samples[k - gap];
			samples[k] = v;
		}
}

static uint64_t percentile(uint32_t percent)
{
	return ns(samples[(uint64_t)(sampled - 1) * percent / 100]);
}

void io_report(const struct io_result *r)
{
	print("result ns=%u count=%u bytes=%u kicks=%u irqs=%u", ns(r->ticks), r->count, r->bytes, r->kicks,
		r->irqs);
	if (sampled) {
		sort();
		print(" p50=%u p95=%u p99=%u", percentile(50), percentile(95), percentile(99));
	}
	print("\n");
}

static void main3(void)
{
	mode->run();
	if (arg_number("silent", 0))
		finish_silent();
	finish();
}

static void find_mode(void)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (arg_is("mode", modes[i].name))
			mode = &modes[i];
	if (!mode)
		die("no such mode=");
}

void guest_main(void)
{
	find_mode();
	tsc_khz = arg_number("tsc_khz", 0);
	if (!tsc_khz)
		tsc_khz = cpuid(0x40000010, 0).eax;
	if (!tsc_khz)
		die("the rate of the TSC is unknown: give tsc_khz=");
	trap_init();
	ring3_init();
	map_identity(MAPPED, PTE_U);
	pic_remap(); /* masked: it would bring device interrupts as well */
	lapic_enable();
	mode->start();
	ring3_enter(main3);
}
