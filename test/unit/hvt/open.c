/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that stay open: large transfers, what a rate limit holds back, and either in a saved state. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <ukvmm/devices.h>

#include "machine.h"

#define SECOND 1000000000ull

/* A call of many steps: nothing is skipped or done twice, and its answer comes with the last one. */
static void large_transfers(void **state)
{
	enum { LARGE = 3 * HVT_BLOCK_STEP + 512, AT = 1 << 20 };
	struct machine m = {.now = 1};
	const struct hvt_host host = {machine_output, machine_now};
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

static const struct ukvmm_rate slow = {.size = sizeof slow, .bytes_per_s = 512, .bytes_burst = 1},
			       none = {.size = sizeof none};

static void limits_of_a_disk(void **state)
{
	struct machine *m = *state;
	struct pollfd fds[HVT_HANDLES];
	uint64_t deadline;

	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_RX, &slow), -EINVAL);
	assert_int_equal(hvt_set_rate(m->hvt, SERVICE, UKVMM_RATE_ALL, &slow), -EINVAL);
	assert_int_equal(hvt_set_rate(m->hvt, 0, UKVMM_RATE_ALL, &slow), -EINVAL);
	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_ALL, &slow), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_DONE); /* one passes */
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_WAITS);
	assert_int_equal(hvt_wait_for(m->hvt, fds, &deadline), 0);
	assert_in_range(deadline, SECOND, SECOND + 10000000);
	m->now = deadline - 1;
	assert_false(goes_on(m));
	m->now = deadline;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 32), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_WAITS);
	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_ALL, &none), 0);
	assert_true(goes_on(m));
}

static void limits_of_a_card(void **state)
{
	const uint64_t words[3] = {10 * SECOND, 7, 7};
	struct machine *m = *state;
	uint8_t f[60] = {[6] = 2, [11] = 1};
	struct pollfd fds[HVT_HANDLES];
	uint64_t deadline;

	assert_int_equal(hvt_set_rate(m->hvt, SERVICE, UKVMM_RATE_TX, &slow), 0);
	mem_write(&m->mem, DATA, f, sizeof f);
	assert_int_equal(frame(m, NET_WRITE, SERVICE, DATA, 60), HVT_DONE);
	assert_int_equal(frame(m, NET_WRITE, SERVICE, DATA, 60), HVT_WAITS);
	m->now += SECOND;
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
	assert_in_range(deadline, m->now + 1, m->now + SECOND);
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

/* A call that was open when its VM was saved ends in the one that goes on. */
static void open_calls_are_saved(void **state)
{
	const struct ukvmm_rate crawl = {.size = sizeof crawl, .bytes_per_s = 1, .bytes_burst = 1};
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

	assert_int_equal(hvt_set_rate(m->hvt, STORAGE, UKVMM_RATE_ALL, &crawl), 0);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_DONE);
	assert_int_equal(transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512), HVT_WAITS);
	s = saved(m);
	assert_int_equal(call_at(m, WALLTIME, ARGS + 64, words, sizeof words), HVT_DONE);
	restored(m, s, 0);
	assert_int_equal(hvt_continue(m->hvt, &why), HVT_WAITS);
	m->now += 600ull * 1000000000;
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 32), 0);
}

static void open_calls_of_a_file_are_checked(void **state)
{
	struct machine *m = *state;
	const char *why;

	restored(m, forged(HALT, ARGS, 0, 0), -EINVAL);
	restored(m, forged(POLL, 1ull << 32, 0, 0), -EINVAL);
	restored(m, forged(POLL, ARGS, 512, 0), -EINVAL);
	restored(m, forged(BLOCK_READ_CALL, ARGS, 511, 0), -EINVAL);
	restored(m, forged(BLOCK_READ_CALL, ARGS, 0, 2), -EINVAL);
	transfer(m, BLOCK_READ_CALL, STORAGE, 0, DATA, 512);
	restored(m, forged(BLOCK_READ_CALL, ARGS, 1ull << 40, 1), 0); /* beyond its transfer: answered as a bad one */
	assert_true(goes_on(m));
	assert_int_equal(answer(m, ARGS + 32), 2);
	restored(m, forged(BLOCK_READ_CALL, 0x9000, 0, 1), 0);
	assert_int_equal(hvt_continue(m->hvt, &why), HVT_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_transfers),
		cmocka_unit_test_setup_teardown(limits_of_a_disk, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(limits_of_a_card, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(open_calls_are_saved, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(open_calls_of_a_file_are_checked, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
