/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls as a hostile guest makes them: addresses, lengths and handles that lead elsewhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <ukvmm/devices.h>

#include "hvt.h"

enum { MEMORY = 2 << 20, ARGS = 0x180000, DATA = 0x190000, DISK = 8192, STORAGE = 1, SERVICE = 2 };
enum { WALLTIME = 1, PUTS, POLL, BLOCK_WRITE_CALL, BLOCK_READ_CALL, NET_WRITE, NET_READ, HALT };

struct machine {
	struct mem mem;
	struct hvt *hvt;
	int peer;
	uint64_t now;
	size_t said;
};

static void output(void *ctx, const void *bytes, size_t len)
{
	(void)bytes;
	((struct machine *)ctx)->said += len;
}

static uint64_t now(void *ctx)
{
	return ((struct machine *)ctx)->now;
}

static const uint8_t mac[HVT_MAC] = {2, 0, 0, 0, 0, 1};

static int setup(void **state)
{
	static struct machine m;
	const struct hvt_host host = {output, now};
	struct block_backend *disk;
	struct net_backend *net;
	int pair[2];

	m = (struct machine){.now = 1000};
	assert_int_equal(mem_map(&m.mem, MEMORY, 3u << 30, 1ull << 32, MEM_HUGE_OFF), 0);
	assert_int_equal(hvt_new(&m.hvt, &m.mem, &host, &m), 0);
	assert_int_equal(block_memory(&disk, DISK, "disk", NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(net_packet(&net, pair[0], "net", NULL), 0);
	close(pair[0]);
	m.peer = pair[1];
	assert_int_equal(hvt_add_block(m.hvt, STORAGE, disk, 0, 512), 0);
	assert_int_equal(hvt_add_net(m.hvt, SERVICE, net, mac, false), 0);
	*state = &m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	hvt_free(m->hvt);
	mem_fini(&m->mem);
	close(m->peer);
	return 0;
}

/* The call with these words as its structure at `at`. */
static enum hvt_result call_at(struct machine *m, uint32_t n, uint64_t at, const uint64_t *words, size_t len)
{
	const char *why;
	int32_t status = 0;

	if (mem_ptr(&m->mem, at, len))
		mem_write(&m->mem, at, words, len);
	return hvt_call(m->hvt, n, at, &status, &why);
}

static bool goes_on(struct machine *m)
{
	const char *why;

	return hvt_continue(m->hvt, &why) == HVT_DONE;
}

static enum hvt_result transfer(struct machine *m, uint32_t n, uint64_t handle, uint64_t off, uint64_t data, uint64_t len)
{
	const uint64_t words[5] = {handle, off, data, len, 77};

	return call_at(m, n, ARGS, words, sizeof words);
}

static enum hvt_result frame(struct machine *m, uint32_t n, uint64_t handle, uint64_t data, uint64_t len)
{
	const uint64_t words[4] = {handle, data, len, 77};

	return call_at(m, n, ARGS, words, sizeof words);
}

static int32_t answer(struct machine *m, uint64_t at)
{
	int32_t v;

	assert_int_equal(mem_read(&m->mem, at, &v, sizeof v), 0);
	return v;
}

static void structures_outside(void **state)
{
	static const uint64_t places[] = {0, 0x10000, 0xffff8, MEMORY - 4, MEMORY, UINT32_MAX};
	const uint64_t words[5] = {0};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		for (uint32_t n = WALLTIME; n < HALT; n++)
			assert_int_equal(call_at(*state, n, places[i], words, sizeof words), HVT_BROKEN);
	assert_int_equal(call_at(*state, 0, ARGS, words, sizeof words), HVT_BROKEN);
	assert_int_equal(call_at(*state, 9, ARGS, words, sizeof words), HVT_BROKEN);
}

static void buffers_outside(void **state)
{
	struct machine *m = *state;
	const uint64_t too_long[2] = {DATA, UINT64_MAX}, wraps[2] = {UINT64_MAX, 2};

	assert_int_equal(call_at(m, PUTS, ARGS, too_long, sizeof too_long), HVT_BROKEN);
	assert_int_equal(call_at(m, PUTS, ARGS, wraps, sizeof wraps), HVT_BROKEN);
	assert_int_equal(m->said, 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, MEMORY - 511, 512), HVT_BROKEN);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, 0x9000, 512), HVT_BROKEN); /* page tables */
	assert_int_equal(transfer(m, BLOCK_WRITE_CALL, STORAGE, 0, UINT64_MAX - 100, 512), HVT_BROKEN);
	assert_int_equal(frame(m, NET_WRITE, SERVICE, MEMORY - 20, 60), HVT_BROKEN);
	assert_int_equal(send(m->peer, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(frame(m, NET_READ, SERVICE, 0x9000, 60), HVT_BROKEN);
}

/* What the guest cannot write, nothing is written to in its name. */
static void read_only(void **state)
{
	struct machine *m = *state;
	const uint64_t puts[2] = {DATA, 3}, poll[3] = {0, 7, 7};

	assert_int_equal(hvt_protect(m->hvt, DATA, 4096), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA + 4096 - 511, 512), HVT_BROKEN);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA - 511, 512), HVT_BROKEN);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA + 4096, 512), HVT_DONE);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA - 512, 512), HVT_DONE);
	assert_int_equal(transfer(m, BLOCK_WRITE_CALL, STORAGE, 0, DATA, 512), HVT_DONE);
	assert_int_equal(send(m->peer, "0123456789abcdef", 16, 0), 16);
	assert_int_equal(frame(m, NET_READ, SERVICE, DATA, 60), HVT_BROKEN);
	assert_int_equal(call_at(m, WALLTIME, DATA, poll, sizeof poll), HVT_BROKEN);
	assert_int_equal(call_at(m, POLL, DATA + 4096 - 8, poll, sizeof poll), HVT_BROKEN);
	assert_int_equal(call_at(m, PUTS, DATA + 64, puts, sizeof puts), HVT_DONE);
	assert_int_equal(m->said, 3);
	for (int i = 1; i < HVT_RANGES; i++)
		assert_int_equal(hvt_protect(m->hvt, MEMORY - 4096, 4096), 0);
	assert_int_equal(hvt_protect(m->hvt, MEMORY - 4096, 4096), -ENOSPC);
}

static void block_ranges(void **state)
{
	static const uint64_t bad[][3] = {{STORAGE, DISK, 512}, {STORAGE, 0, DISK + 512}, {STORAGE, UINT64_MAX - 511, 1024},
		{STORAGE, 0, UINT64_MAX - 511}, {STORAGE, 0, 0}, {STORAGE, 0, 100}, {STORAGE, 7, 512}, {SERVICE, 0, 512},
		{0, 0, 512}, {64, 0, 512}, {UINT64_MAX, 0, 512}, {1ull << 32 | STORAGE, 0, 512}};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(transfer(*state, BLOCK_READ_CALL, bad[i][0], bad[i][1], DATA, bad[i][2]), HVT_DONE);
		assert_int_equal(answer(*state, ARGS + 32), 2);
	}
	assert_int_equal(transfer(*state, BLOCK_READ_CALL, STORAGE, DISK - 512, DATA, 512), HVT_DONE);
	assert_int_equal(answer(*state, ARGS + 32), 0);
}

static void frames(void **state)
{
	struct machine *m = *state;
	uint8_t f[60] = {[6] = 2, [11] = 1}, got[100];

	assert_int_equal(frame(m, NET_WRITE, STORAGE, DATA, 60), HVT_DONE);
	assert_int_equal(answer(m, ARGS + 24), 2);
	assert_int_equal(frame(m, NET_WRITE, SERVICE, DATA, 1 << 20), HVT_DONE);
	assert_int_equal(answer(m, ARGS + 24), 2);
	mem_write(&m->mem, DATA, f, sizeof f);
	frame(m, NET_WRITE, SERVICE, DATA, 60);
	assert_int_equal(recv(m->peer, got, sizeof got, MSG_DONTWAIT), 60);
	mem_zero(&m->mem, DATA, 60); /* another station's */
	frame(m, NET_WRITE, SERVICE, DATA, 60);
	assert_int_equal(answer(m, ARGS + 24), 0);
	assert_int_equal(recv(m->peer, got, sizeof got, MSG_DONTWAIT), -1);
	assert_int_equal(frame(m, NET_READ, SERVICE, DATA, 20), HVT_DONE);
	assert_int_equal(answer(m, ARGS + 24), 1); /* again */
	memset(f, 0x5a, sizeof f);
	assert_int_equal(send(m->peer, f, sizeof f, 0), 60);
	frame(m, NET_READ, SERVICE, DATA, 20); /* cut off, and nothing behind it touched */
	assert_int_equal(answer(m, ARGS + 24), 0);
	assert_int_equal(answer(m, ARGS + 16), 20);
	assert_int_equal(answer(m, DATA + 16), 0x5a5a5a5a);
	assert_int_equal(answer(m, DATA + 20), 0);
}

static void polls(void **state)
{
	struct machine *m = *state;
	const uint64_t words[3] = {500, 7, 7}, for_ever[3] = {UINT64_MAX, 7, 7};
	uint8_t f[60] = {0};

	assert_int_equal(call_at(m, POLL, ARGS, words, sizeof words), HVT_WAITS);
	m->now = 1499;
	assert_false(goes_on(m));
	m->now = 1500;
	assert_true(goes_on(m));
	assert_false(hvt_open(m->hvt));
	assert_int_equal(answer(m, ARGS + 16), 0);
	assert_int_equal(call_at(m, POLL, ARGS, for_ever, sizeof for_ever), HVT_WAITS);
	assert_int_equal(send(m->peer, f, sizeof f, 0), 60);
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 8), 1 << SERVICE);
	assert_int_equal(answer(m, ARGS + 16), 1);
}

/* A call of many steps: nothing is skipped or done twice, and its answer comes with the last one. */
static void large_transfers(void **state)
{
	enum { LARGE = 3 * HVT_BLOCK_STEP + 512, AT = 1 << 20 };
	struct machine m = {.now = 1};
	const struct hvt_host host = {output, now};
	struct block_backend *disk;
	struct pollfd fds[HVT_HANDLES];
	uint64_t deadline, steps = 1;

	(void)state;
	assert_int_equal(mem_map(&m.mem, 8 << 20, 3u << 30, 1ull << 32, MEM_HUGE_OFF), 0);
	assert_int_equal(hvt_new(&m.hvt, &m.mem, &host, &m), 0);
	assert_int_equal(block_memory(&disk, LARGE, "disk", NULL), 0);
	assert_int_equal(hvt_add_block(m.hvt, STORAGE, disk, 0, 512), 0);
	for (uint64_t i = 0; i < LARGE; i += 8)
		*(uint64_t *)mem_ptr(&m.mem, (2 << 20) + i, 8) = i * 7 + 1;
	assert_int_equal(transfer(&m, BLOCK_WRITE_CALL, STORAGE, 0, 2 << 20, LARGE), HVT_WAITS);
	assert_int_equal(hvt_wait_for(m.hvt, fds, &deadline), 0);
	assert_int_equal(deadline, 0);
	assert_int_equal(answer(&m, ARGS + 32), 77);
	while (!goes_on(&m))
		steps++;
	assert_int_equal(steps, 3);
	assert_int_equal(answer(&m, ARGS + 32), 0);
	assert_int_equal(transfer(&m, BLOCK_READ_CALL, STORAGE, 0, (4 << 20) + 512, LARGE), HVT_WAITS);
	while (!goes_on(&m))
		assert_int_equal(hvt_open(m.hvt), BLOCK_READ_CALL);
	assert_memory_equal(mem_ptr(&m.mem, 2 << 20, LARGE), mem_ptr(&m.mem, (4 << 20) + 512, LARGE), LARGE);
	/* what another vCPU's work, or a loaded state, made of the structure meanwhile is checked again */
	assert_int_equal(transfer(&m, BLOCK_READ_CALL, STORAGE, 0, 2 << 20, LARGE), HVT_WAITS);
	mem_write(&m.mem, ARGS + 24, &(uint64_t){1024}, 8);
	assert_true(goes_on(&m));
	assert_int_equal(answer(&m, ARGS + 32), 2);
	hvt_free(m.hvt);
	mem_fini(&m.mem);
}

static void limits(void **state)
{
	const struct ukvmm_rate slow = {.size = sizeof slow, .bytes_per_s = 512, .bytes_burst = 1}, none = {.size = sizeof none};
	const uint64_t second = 1000000000, words[3] = {10 * second, 7, 7};
	struct machine *m = *state;
	uint8_t f[60] = {[6] = 2, [11] = 1};
	struct pollfd fds[HVT_HANDLES];
	uint64_t deadline;

	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_RX, &slow), -EINVAL);
	assert_int_equal(hvt_set_rate(m->hvt, SERVICE, UKVMM_RATE_ALL, &slow), -EINVAL);
	assert_int_equal(hvt_set_rate(m->hvt, 0, UKVMM_RATE_ALL, &slow), -EINVAL);
	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_ALL, &slow), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_DONE); /* one passes */
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_WAITS);
	assert_int_equal(hvt_wait_for(m->hvt, fds, &deadline), 0);
	assert_in_range(deadline, second, second + 10000000);
	m->now = deadline - 1;
	assert_false(goes_on(m));
	m->now = deadline;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 32), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_WAITS);
	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_ALL, &none), 0);
	assert_true(goes_on(m));

	assert_int_equal(hvt_set_rate(m->hvt, SERVICE, UKVMM_RATE_TX, &slow), 0);
	mem_write(&m->mem, DATA, f, sizeof f);
	assert_int_equal(frame(m, NET_WRITE, SERVICE, DATA, 60), HVT_DONE);
	assert_int_equal(frame(m, NET_WRITE, SERVICE, DATA, 60), HVT_WAITS);
	m->now += second;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 24), 0);

	/* towards the guest: a frame that is held back is none yet, and the poll comes back to it */
	assert_int_equal(hvt_set_rate(m->hvt, SERVICE, UKVMM_RATE_RX, &slow), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(send(m->peer, f, sizeof f, 0), 60);
	assert_int_equal(frame(m, NET_READ, SERVICE, DATA, 60), HVT_DONE);
	assert_int_equal(answer(m, ARGS + 24), 0);
	assert_int_equal(frame(m, NET_READ, SERVICE, DATA, 60), HVT_DONE);
	assert_int_equal(answer(m, ARGS + 24), 1);
	assert_int_equal(call_at(m, POLL, ARGS, words, sizeof words), HVT_WAITS);
	assert_int_equal(hvt_wait_for(m->hvt, fds, &deadline), 0);
	assert_in_range(deadline, m->now + 1, m->now + second);
	m->now = deadline;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 8), 1 << SERVICE);
	assert_int_equal(frame(m, NET_READ, SERVICE, DATA, 60), HVT_DONE);
	assert_int_equal(answer(m, ARGS + 24), 0);
}

static struct ukvmm_state *saved(struct machine *m)
{
	static struct ukvmm_state s;

	state_save_init(&s);
	assert_int_equal(hvt_walk(m->hvt, &s), 0);
	return &s;
}

static void restored(struct machine *m, struct ukvmm_state *from, int wanted)
{
	struct ukvmm_state s;

	state_load_init(&s, from->buf, from->len);
	assert_int_equal(hvt_walk(m->hvt, &s), wanted);
	state_fini(&s);
	state_fini(from);
}

/* What a file might say. */
static struct ukvmm_state *forged(uint32_t call, uint64_t gpa, uint64_t done, uint8_t paid)
{
	static struct ukvmm_state s;
	uint32_t version = 2;
	uint64_t at = 0;

	state_save_init(&s);
	state_begin(&s, "hvt", &version);
	state_field(&s, call);
	state_field(&s, gpa);
	state_field(&s, at);
	state_field(&s, done);
	state_field(&s, paid);
	assert_int_equal(state_end(&s), 0);
	return &s;
}

/* A call that was open when its VM was saved ends in the one that goes on; what cannot be is refused. */
static void open_calls_are_saved(void **state)
{
	const struct ukvmm_rate slow = {.size = sizeof slow, .bytes_per_s = 1, .bytes_burst = 1};
	struct machine *m = *state;
	const uint64_t words[3] = {500, 7, 7};
	struct ukvmm_state *s = saved(m);
	const char *why;

	restored(m, s, 0);
	assert_int_equal(hvt_open(m->hvt), 0);
	assert_int_equal(call_at(m, POLL, ARGS, words, sizeof words), HVT_WAITS);
	s = saved(m);
	assert_int_equal(call_at(m, WALLTIME, ARGS + 64, words, sizeof words), HVT_DONE);
	restored(m, s, 0);
	assert_int_equal(hvt_open(m->hvt), POLL);
	m->now += 500;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 16), 0);

	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_ALL, &slow), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_DONE);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_WAITS);
	s = saved(m);
	assert_int_equal(call_at(m, WALLTIME, ARGS + 64, words, sizeof words), HVT_DONE);
	restored(m, s, 0);
	assert_int_equal(hvt_continue(m->hvt, &why), HVT_WAITS);
	m->now += 600ull * 1000000000;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 32), 0);

	restored(m, forged(HALT, ARGS, 0, 0), -EINVAL);
	restored(m, forged(POLL, 1ull << 32, 0, 0), -EINVAL);
	restored(m, forged(POLL, ARGS, 512, 0), -EINVAL);
	restored(m, forged(BLOCK_READ_CALL, ARGS, 511, 0), -EINVAL);
	restored(m, forged(BLOCK_READ_CALL, ARGS, 0, 2), -EINVAL);
	restored(m, forged(BLOCK_READ_CALL, ARGS, 1ull << 40, 1), 0); /* beyond its transfer: answered as a bad one */
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 32), 2);
	restored(m, forged(BLOCK_READ_CALL, 0x9000, 0, 1), 0);
	assert_int_equal(hvt_continue(m->hvt, &why), HVT_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(structures_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(buffers_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(block_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(frames, setup, teardown),
		cmocka_unit_test_setup_teardown(polls, setup, teardown),
		cmocka_unit_test(large_transfers),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(open_calls_are_saved, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
