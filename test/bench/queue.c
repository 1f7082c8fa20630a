/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtio queue costs: the round trip of one request (kick, device, interrupt, guest) for each way that a kick
 * takes, and packets over a socketpair to a peer's thread. Measured in the io guest, by its TSC: each run gives a
 * median and a p99, and the table shows those over the runs.
 *
 *	ring0	  the guest's own way into its ring 0 and back, a part of each trip below
 *	inline	  the kick is an MMIO exit, and the device is served within it
 *	poller	  the exit wakes the poller's thread, which serves the device
 *	eventfd	  the kick ends in the kernel, which wakes the poller's thread
 *	rng, blk  the library's own devices with its defaults (blk: a sector from the page cache)
 *	sealed	  the same under system call filters; strict: and no device is served within a kick
 *	net	  frames of 60 bytes to and from the peer; echo: there and back, one at a time
 *
 * usage: queue [--json] [--runs N]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "bench.h"
#include "guest_run.h"
#include "peer.h"

static const char usage[] = "usage: queue [--json] [--runs N]";

enum { DISK_BYTES = 1 << 20 };

static char disk[] = "/tmp/queue-bench.XXXXXX";

static const struct trip {
	const char *median, *p99, *exits;
	struct guest_job job;
} trips[] = {
	{ "ring0_p50_us", "ring0_p99_us", NULL, { .cmdline = "mode=ring0 id=63 n=5000", .own = GUEST_OWN_INLINE } },
	{ "inline_p50_us", "inline_p99_us", "inline_exits_per_trip",
		{ .cmdline = "mode=queue id=63 n=5000", .own = GUEST_OWN_INLINE, .kicks = UKVMM_KICKS_EXIT } },
	{ "poller_p50_us", "poller_p99_us", "poller_exits_per_trip",
		{ .cmdline = "mode=queue id=63 n=5000", .own = GUEST_OWN_POLLER, .kicks = UKVMM_KICKS_EXIT } },
	{ "eventfd_p50_us", "eventfd_p99_us", "eventfd_exits_per_trip",
		{ .cmdline = "mode=queue id=63 n=5000", .own = GUEST_OWN_POLLER, .kicks = UKVMM_KICKS_EVENTFD } },
	{ "rng_p50_us", "rng_p99_us", "rng_exits_per_trip", { .cmdline = "mode=queue n=5000", .rng = 1 } },
	{ "blk_p50_us", "blk_p99_us", "blk_exits_per_trip",
		{ .cmdline = "mode=queue id=2 n=5000", .disk = disk } },
	{ "net_echo_p50_us", "net_echo_p99_us", "net_echo_exits_per_trip",
		{ .cmdline = "mode=net-echo n=5000", .net = GUEST_NET_PAIR } },
	{ "blk_sealed_p50_us", "blk_sealed_p99_us", "blk_sealed_exits_per_trip",
		{ .cmdline = "mode=queue id=2 n=5000", .disk = disk, .sealed = GUEST_SEALED } },
	{ "blk_strict_p50_us", "blk_strict_p99_us", "blk_strict_exits_per_trip",
		{ .cmdline = "mode=queue id=2 n=5000", .disk = disk, .sealed = GUEST_SEALED_STRICT } },
	{ "net_echo_sealed_p50_us", "net_echo_sealed_p99_us", "net_echo_sealed_exits_per_trip",
		{ .cmdline = "mode=net-echo n=5000", .net = GUEST_NET_PAIR, .sealed = GUEST_SEALED } },
	{ "net_echo_strict_p50_us", "net_echo_strict_p99_us", "net_echo_strict_exits_per_trip",
		{ .cmdline = "mode=net-echo n=5000", .net = GUEST_NET_PAIR, .sealed = GUEST_SEALED_STRICT } },
};

static const struct flow {
	const char *rate, *kicks, *irqs, *exits, *cmdline;
} flows[] = {
	{ "net_tx_per_s", "net_tx_kicks_per_packet", "net_tx_interrupts_per_packet", "net_tx_exits_per_packet",
		"mode=net-tx n=100000" },
	{ "net_rx_per_s", "net_rx_kicks_per_packet", "net_rx_interrupts_per_packet", "net_rx_exits_per_packet",
		"mode=net-rx n=100000" },
};

static void remove_disk(void)
{
	unlink(disk);
}

static void make_disk(void)
{
	int fd = mkstemp(disk);

	if (fd < 0 || ftruncate(fd, DISK_BYTES) < 0)
		bench_die("%s: %s", disk, strerror(errno));
	close(fd);
	atexit(remove_disk); /* also when bench_die ends it */
}

/* Over a socketpair of its own if the job has a network. */
static void run(struct guest_job job, struct guest_result *r)
{
	struct peer *peer = NULL;
	int pair[2];

	if (job.net != GUEST_NET_PAIR) {
		guest_ukvmm(&job, r);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		bench_die("socketpair: %s", strerror(errno));
	job.net_fd = pair[0];
	peer = peer_start(PEER_PACKET, pair[1]);
	guest_ukvmm(&job, r);
	close(pair[0]);
	peer_stop(peer, NULL);
}

static void run_trip(struct bench *b, const struct trip *t, unsigned int runs)
{
	struct bench_series *median = bench_series(b, t->median, "us"), *p99 = bench_series(b, t->p99, "us");
	double exits = 0, count = 0;
	struct guest_result r;

	for (unsigned int i = 0; i < runs; i++) {
		run(t->job, &r);
		bench_add(median, r.p50 / 1e3);
		bench_add(p99, r.p99 / 1e3);
		exits += r.exits;
		count += r.count;
	}
	if (t->exits)
		bench_value(b, t->exits, exits / count);
}

static void run_flow(struct bench *b, const struct flow *f, unsigned int runs)
{
	const struct guest_job job = { .cmdline = f->cmdline, .net = GUEST_NET_PAIR };
	struct bench_series *rate = bench_series(b, f->rate, "1/s");
	double kicks = 0, irqs = 0, exits = 0, count = 0;
	struct guest_result r;

	for (unsigned int i = 0; i < runs; i++) {
		run(job, &r);
		bench_add(rate, r.count * 1e9 / r.ns);
		kicks += r.kicks;
		irqs += r.irqs;
		exits += r.exits;
		count += r.count;
	}
	bench_value(b, f->kicks, kicks / count);
	bench_value(b, f->irqs, irqs / count);
	bench_value(b, f->exits, exits / count);
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 10 };
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	make_disk();
	b = bench_new("Round trips and packets of virtio queues");
	for (size_t i = 0; i < sizeof trips / sizeof *trips; i++)
		run_trip(b, &trips[i], options.runs);
	for (size_t i = 0; i < sizeof flows / sizeof *flows; i++)
		run_flow(b, &flows[i], options.runs);
	bench_print(b, options.json);
	bench_free(b);
	return 0;
}
