/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls as a hostile guest makes them: addresses, lengths and handles that lead elsewhere. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "machine.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(structures_outside, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(buffers_outside, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(read_only, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(block_ranges, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(frames, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(polls, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
