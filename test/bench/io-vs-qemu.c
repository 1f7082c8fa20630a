/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The io guest on the library and on QEMU's microvm (KVM), run in turn so that both see the same host: the same
 * image, disk file, sockets, tap and peer. Rates are from the guest's own clock between its first and its last
 * request; round trips are the medians of a run. ratio_NAME is above 1 where ukvmm is better; of either side's ways to
 * do it, the one with the best median counts. kicks_each and irqs_each: notifications and interrupts per request, as the
 * guest counts them; a kick is an exit or an eventfd, an interrupt an exit for its acknowledgement. Both caches are
 * the host's page cache (QEMU: cache=writeback), and guest memory is in huge pages where the host has some (QEMU
 * always asks for them).
 *
 *	ukvmm		the library's defaults, one thread lent to it
 *	ukvmm_uring	disks by io_uring
 *	qemu		aio=threads; network in the main loop, which is the only way it has without vhost
 *	qemu_uring	aio=io_uring
 *	qemu_iothread	aio=io_uring, the disk's queue in an iothread
 *
 * usage: io-vs-qemu [--json] [--runs N] [SCENE...]	a scene is chosen by a part of its name
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "bench.h"
#include "guest_run.h"
#include "io_proto.h"
#include "peer.h"

static const char usage[] = "usage: io-vs-qemu [--json] [--runs N] [SCENE...]";

enum { DISK_BYTES = 64 << 20, TAP_MTU = 65520, PATH = 128, NAME = 64, NAMES = 256, CONTENDERS = 5 };

enum measure { ROUND_TRIP, PER_SECOND, BYTES_PER_SECOND };

static const struct scene {
	const char *name, *cmdline;
	enum measure measure;
	enum guest_net net;
	bool disk, rng;
} scenes[] = {
	{ "rng_round_trip", "mode=queue n=1000", ROUND_TRIP, .rng = true },
	{ "blk_round_trip", "mode=queue id=2 n=1000", ROUND_TRIP, .disk = true },
	{ "read_qd1", "mode=blk-read qd=1 n=1000", ROUND_TRIP, .disk = true },
	{ "read_qd32", "mode=blk-read qd=32 n=20000", PER_SECOND, .disk = true },
	{ "write_qd1", "mode=blk-write qd=1 n=1000", ROUND_TRIP, .disk = true },
	{ "write_qd32", "mode=blk-write qd=32 n=20000", PER_SECOND, .disk = true },
	{ "stream_echo", "mode=net-echo n=1000", ROUND_TRIP, .net = GUEST_NET_STREAM },
	{ "stream_tx", "mode=net-tx n=50000", PER_SECOND, .net = GUEST_NET_STREAM },
	{ "stream_rx", "mode=net-rx n=50000", PER_SECOND, .net = GUEST_NET_STREAM },
	{ "stream_tx_bytes", "mode=net-tx size=61440 n=4000", BYTES_PER_SECOND, .net = GUEST_NET_STREAM },
	{ "stream_rx_bytes", "mode=net-rx size=61440 n=4000", BYTES_PER_SECOND, .net = GUEST_NET_STREAM },
	{ "packet_echo", "mode=net-echo n=1000", ROUND_TRIP, .net = GUEST_NET_DATAGRAM },
	{ "packet_tx", "mode=net-tx n=30000", PER_SECOND, .net = GUEST_NET_DATAGRAM },
	{ "packet_rx", "mode=net-rx n=30000", PER_SECOND, .net = GUEST_NET_DATAGRAM },
	{ "tap_echo", "mode=net-echo n=1000", ROUND_TRIP, .net = GUEST_NET_TAP },
	{ "tap_tx", "mode=net-tx n=30000", PER_SECOND, .net = GUEST_NET_TAP },
	{ "tap_rx", "mode=net-rx n=30000", PER_SECOND, .net = GUEST_NET_TAP },
	{ "tap_tx_mtu", "mode=net-tx size=1514 n=30000", BYTES_PER_SECOND, .net = GUEST_NET_TAP },
	{ "tap_rx_mtu", "mode=net-rx size=1514 n=30000", BYTES_PER_SECOND, .net = GUEST_NET_TAP },
	{ "tap_tx_bytes", "mode=net-tx size=61440 n=4000", BYTES_PER_SECOND, .net = GUEST_NET_TAP },
	{ "tap_rx_bytes", "mode=net-rx size=61440 n=4000", BYTES_PER_SECOND, .net = GUEST_NET_TAP },
};

static const struct contender {
	const char *name;
	void (*run)(const struct guest_job *job, struct guest_result *result);
	bool disks_only, qemu;
	uint32_t blk_flags;
	const char *aio;
	int iothread;
} contenders[CONTENDERS] = {
	{ "ukvmm", guest_ukvmm, .qemu = false },
	{ "ukvmm_uring", guest_ukvmm, .disks_only = true, .blk_flags = UKVMM_BLK_URING },
	{ "qemu", guest_qemu, .qemu = true, .aio = "threads" },
	{ "qemu_uring", guest_qemu, .disks_only = true, .qemu = true, .aio = "io_uring" },
	{ "qemu_iothread", guest_qemu, .disks_only = true, .qemu = true, .aio = "io_uring", .iothread = 1 },
};

struct place { /* files of this run */
	char folder[PATH], disk[PATH], peer[PATH], own[PATH];
	bool tap;
};

/* Names of what is printed stay until the end. */
static const char *name_of(const char *scene, const char *middle, const char *contender)
{
	static char names[NAMES][NAME];
	static size_t used;

	if (used == NAMES)
		bench_die("more than %d names", NAMES);
	snprintf(names[used], NAME, "%s%s%s", scene, middle, contender);
	return names[used++];
}

static const char *unit(enum measure m)
{
	static const char *const units[] = { "us", "1/s", "MB/s" };

	return units[m];
}

static double value(enum measure m, const struct guest_result *r)
{
	if (m == ROUND_TRIP)
		return r->p50 / 1e3;
	return (m == PER_SECOND ? r->count * 1e9 : r->bytes * 1e3) / r->ns;
}

static void make_disk(const char *path)
{
	static uint64_t words[1 << 16];
	FILE *f = fopen(path, "we");

	if (!f)
		bench_die("%s: %s", path, strerror(errno));
	for (uint64_t at = 0; at < DISK_BYTES / 8; at += sizeof words / 8) {
		for (uint64_t i = 0; i < sizeof words / 8; i++)
			words[i] = (at + i) * IO_PATTERN;
		fwrite(words, sizeof words, 1, f);
	}
	if (fclose(f))
		bench_die("%s: %s", path, strerror(errno));
}

static void make_place(struct place *p)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(p->folder, sizeof p->folder, "%s/io-vs-qemu.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(p->folder))
		bench_die("%s: %s", p->folder, strerror(errno));
	if (snprintf(p->disk, PATH, "%s/disk", p->folder) >= PATH - 8)
		bench_die("%s: too long", p->folder);
	snprintf(p->peer, PATH, "%.100s/peer", p->folder);
	snprintf(p->own, PATH, "%.100s/own", p->folder);
	p->tap = peer_namespace();
	if (p->tap)
		peer_tap("iotap0", TAP_MTU);
}

static struct place place;

/* Also when bench_die ends it. */
static void remove_place(void)
{
	unlink(place.disk);
	unlink(place.peer);
	unlink(place.own);
	rmdir(place.folder);
}

/* The peer of one run. Who connects does so while the guest starts: the peer's thread accepts. */
static struct peer *start_peer(const struct scene *s, const struct place *p)
{
	switch (s->net) {
	case GUEST_NET_STREAM:
		return peer_start(PEER_LISTENER, peer_listen(p->peer));
	case GUEST_NET_DATAGRAM:
		return peer_start(PEER_PACKET, peer_datagram(p->peer));
	case GUEST_NET_TAP:
		return peer_start(PEER_PACKET, peer_raw("iotap0"));
	default:
		return NULL;
	}
}

static void run_once(const struct scene *s, const struct contender *c, const struct place *p,
	struct guest_result *r)
{
	const struct guest_job job = { .cmdline = s->cmdline, .disk = s->disk ? p->disk : NULL, .net = s->net,
		.net_name = s->net == GUEST_NET_TAP ? "iotap0" : p->peer, .net_own = p->own, .rng = s->rng,
		.blk_flags = c->blk_flags, .aio = c->aio, .iothread = c->iothread };
	struct peer *peer;

	if (s->disk)
		make_disk(p->disk);
	unlink(p->own);
	peer = start_peer(s, p);
	c->run(&job, r);
	if (peer)
		peer_stop(peer, NULL);
}

static double better(enum measure m, double a, double b)
{
	return m == ROUND_TRIP ? b / a : a / b;
}

/* The best median of one side's contenders. */
static double best(enum measure m, struct bench_series *const *series, bool qemu)
{
	double found = 0;

	for (int i = 0; i < CONTENDERS; i++) {
		double median = series[i] ? bench_percentile(series[i], 50) : 0;

		if (series[i] && contenders[i].qemu == qemu && (found == 0 || better(m, median, found) > 1))
			found = median;
	}
	return found;
}

static void run_scene(struct bench *b, const struct scene *s, const struct place *p, unsigned int runs)
{
	struct bench_series *series[CONTENDERS] = { 0 };
	double kicks[CONTENDERS] = { 0 }, irqs[CONTENDERS] = { 0 }, count[CONTENDERS] = { 0 };
	struct guest_result r;

	for (int i = 0; i < CONTENDERS; i++)
		if (s->disk || !contenders[i].disks_only)
			series[i] = bench_series(b, name_of(s->name, "_", contenders[i].name), unit(s->measure));
	for (unsigned int n = 0; n < runs; n++)
		for (int i = 0; i < CONTENDERS; i++) {
			if (!series[i])
				continue;
			run_once(s, &contenders[i], p, &r);
			bench_add(series[i], value(s->measure, &r));
			kicks[i] += r.kicks;
			irqs[i] += r.irqs;
			count[i] += r.count;
		}
	for (int i = 0; i < CONTENDERS; i++) {
		if (!series[i] || contenders[i].disks_only)
			continue;
		bench_value(b, name_of(s->name, "_kicks_each_", contenders[i].name), kicks[i] / count[i]);
		bench_value(b, name_of(s->name, "_irqs_each_", contenders[i].name), irqs[i] / count[i]);
	}
	bench_value(b, name_of("ratio_", s->name, ""),
		better(s->measure, best(s->measure, series, false), best(s->measure, series, true)));
}

static bool chosen(const struct scene *s, char **words)
{
	if (!*words)
		return true;
	for (; *words; words++)
		if (strstr(s->name, *words))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 10 };
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	make_place(&place);
	atexit(remove_place);
	b = bench_new("The same guest, disk and network on ukvmm and on QEMU microvm");
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		if (!chosen(&scenes[i], argv + options.words))
			continue;
		if (scenes[i].net == GUEST_NET_TAP && !place.tap) {
			fprintf(stderr, "%s: no network namespace here, left out\n", scenes[i].name);
			continue;
		}
		run_scene(b, &scenes[i], &place, options.runs);
	}
	bench_print(b, options.json);
	bench_free(b);
	return 0;
}
