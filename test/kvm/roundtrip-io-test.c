/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The io guest, saved at random points of its requests: queued and not seen, at an engine, done and not seen by the
 * guest, interrupt on its way. It checks every byte that comes, and goes on in another VM as if nothing had been.
 */
#include "roundtrip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND(n, c, what, ...) \
	{ .name = n, .image = "io.elf", .cmdline = c, .vcpus = 1, .memory = 64 << 20, .device = what, __VA_ARGS__ }

static const struct trip_kind kinds[] = {
	KIND("random bytes", "mode=rng n=3000 size=256", TRIP_RNG),
	KIND("random bytes, every interrupt", "mode=rng n=3000 size=256 event_idx=0", TRIP_RNG),
	KIND("reads, one at a time", "mode=blk-read n=3000", TRIP_DISK),
	KIND("reads, 32 at a time", "mode=blk-read n=20000 qd=32 size=8192", TRIP_DISK),
	KIND("reads, 32 at a time, every interrupt", "mode=blk-read n=20000 qd=32 event_idx=0", TRIP_DISK),
	KIND("reads, io_uring", "mode=blk-read n=20000 qd=32 size=8192", TRIP_DISK_RING),
	KIND("writes, indirect", "mode=blk-write n=8000 qd=32 indirect=1", TRIP_DISK),
	KIND("writes, io_uring", "mode=blk-write n=8000 qd=8 size=65536", TRIP_DISK_RING),
	KIND("frames there and back", "mode=net-echo n=2000", TRIP_NET),
	KIND("frames in, mergeable", "mode=net-rx n=20000 size=9000 mrg=1", TRIP_NET),
	KIND("frames in, every interrupt", "mode=net-rx n=50000 event_idx=0", TRIP_NET),
	KIND("frames out", "mode=net-tx n=100000", TRIP_NET),
};

/* More lives, hopping ever sooner, where the first, which was timed, was so slow that the next ones ended before. */
enum { LIVES = 3, LIVES_MAX = 40, HOPS_MAX = 8 };
static uint64_t seed = 0x2545f4914f6cdd1d;
static const char *only;

static void live(struct fixture *f, const struct trip_kind *kind, uint32_t wanted, uint64_t ns, uint32_t *hops)
{
	struct traveller t;

	traveller_init(&t, f, kind);
	t.vm = traveller_fresh(&t);
	assert_int_equal(ukvmm_vm_resume(t.vm), 0);
	traveller_drive(&t);
	for (uint32_t i = 0; i < wanted; i++) {
		if (traveller_serve(&t, ukvmm_now() + roundtrip_random(&seed) % (2 * ns / wanted + 1)) ||
			!traveller_hop(&t))
			break;
		++*hops;
	}
	traveller_finish(&t);
	if (t.stop.reason != UKVMM_STOP_POWEROFF || t.stop.value || !strstr(t.output, "OK\n"))
		fail_msg("%s, %u hops, ended by %u with %llu and said:\n%s", kind->name, *hops, t.stop.reason,
			(unsigned long long)t.stop.value, t.output);
	traveller_fini(&t);
}

static void goes_on(void **state)
{
	print_message("seed %llx\n", (unsigned long long)seed);
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		uint64_t start = ukvmm_now(), ns;
		uint32_t hops = 0;

		if (only && !strstr(kinds[k].name, only))
			continue;
		live(*state, &kinds[k], 0, 0, &hops);
		ns = ukvmm_now() - start;
		print_message("%s: unbroken %llu us\n", kinds[k].name, (unsigned long long)ns / 1000);
		for (uint32_t i = 0; i < LIVES || (!hops && i < LIVES_MAX); i++) {
			live(*state, &kinds[k], 1 + (uint32_t)(roundtrip_random(&seed) % HOPS_MAX), ns, &hops);
			if (!hops)
				ns /= 2;
		}
		print_message("%s: %u hops\n", kinds[k].name, hops);
		assert_true(hops > 0);
	}
}

/* Another seed and a part of a kind's name may be given, to look further. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fixture_test(goes_on),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 16) | 1;
	if (argc > 2)
		only = argv[2];
	return FIXTURE_RUN(tests);
}
