/* SPDX-License-Identifier: Apache-2.0 */
#include "../kvm/test.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "drive.h"

enum { RING = 64, LEN = 4096, LIMIT = 64 << 10 };

static void up(struct drive *d, struct drive_dev *dev, const struct ukvmm_rate *rate)
{
	struct ukvmm_rng_config c = { .size = sizeof c, .rate = rate };

	drive_init(d);
	assert_int_equal(ukvmm_vm_add_rng(d->vm, "rng0", &c, NULL), 0);
	drive_seal(d);
	drive_dev_up(d, 0, 1, RING, 0, dev);
}

static void ask(struct drive_dev *dev, uint64_t gpa, uint32_t len)
{
	drive_put(dev, 0, &(struct drive_seg){ gpa, len, true }, 1);
	drive_kick(dev, 0);
}

static void bytes_are_random(void **state)
{
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa, sum[2] = { 0 };
	uint32_t len;

	(void)state;
	up(&d, &dev, NULL);
	gpa = drive_alloc(&d, 2 * LEN);
	for (uint32_t i = 0; i < 2; i++) {
		const uint8_t *at = drive_at(&d, gpa + i * LEN, LEN);

		ask(&dev, gpa + i * LEN, LEN - 5); /* served within the kick */
		assert_true(drive_used(&dev, 0, &len) >= 0);
		assert_int_equal(len, LEN - 5);
		for (uint32_t j = 0; j < LEN; j++)
			sum[i] = sum[i] * 31 + at[j];
		for (uint32_t j = LEN - 5; j < LEN; j++)
			assert_int_equal(at[j], 0);
	}
	assert_int_not_equal(sum[0], sum[1]);
	assert_int_not_equal(sum[0], 0);
	drive_fini(&d);
}

/* 48 MiB in buffers that are one and the same: no more work than LIMIT, however large the guest says it is. */
static void request_is_bounded(void **state)
{
	enum { BUFFERS = 48, BYTES = 1 << 20 };
	struct drive_seg seg[BUFFERS];
	struct drive_dev dev;
	struct drive d;
	uint32_t len;
	uint64_t gpa;

	(void)state;
	up(&d, &dev, NULL);
	gpa = drive_alloc(&d, BYTES);
	for (uint32_t i = 0; i < BUFFERS; i++)
		seg[i] = (struct drive_seg){ gpa, BYTES, true };
	drive_put(&dev, 0, seg, BUFFERS);
	drive_kick(&dev, 0);
	assert_true(drive_used(&dev, 0, &len) >= 0);
	assert_int_equal(len, LIMIT);
	drive_put(&dev, 0, &(struct drive_seg){ gpa, LEN, false }, 1); /* nothing to write to */
	drive_kick(&dev, 0);
	assert_true(drive_used(&dev, 0, &len) >= 0);
	assert_int_equal(len, 0);
	assert_int_equal(d.broken, 0);
	drive_fini(&d);
}

/* A kick gives a share only, so that its vCPU and its poller go on; the rest follows by itself. */
static void callback_is_bounded(void **state)
{
	struct drive_dev dev;
	struct drive d;
	uint32_t done = 0;
	uint64_t gpa;

	(void)state;
	up(&d, &dev, NULL);
	gpa = drive_alloc(&d, LIMIT);
	for (uint32_t i = 0; i < RING; i++)
		drive_put(&dev, 0, &(struct drive_seg){ gpa, LIMIT, true }, 1);
	drive_kick(&dev, 0);
	while (drive_used(&dev, 0, NULL) >= 0)
		done++;
	assert_in_range(done, 1, RING / 2);
	for (; done < RING; done++)
		drive_wait_used(&dev, 0, NULL);
	drive_fini(&d);
}

static const struct ukvmm_rate slow = { .size = sizeof slow, .ops_per_s = 20, .ops_burst = 1 };
#define PERIOD_NS 50000000u

static void rate_delays_and_loses_nothing(void **state)
{
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa, start;

	(void)state;
	start = ukvmm_now();
	up(&d, &dev, &slow);
	gpa = drive_alloc(&d, LEN);
	for (uint32_t i = 0; i < 4; i++)
		ask(&dev, gpa, 32);
	for (uint32_t i = 0; i < 4; i++)
		drive_wait_used(&dev, 0, NULL);
	/* at least three periods after the first token */
	assert_true(ukvmm_now() - start >= 3ull * PERIOD_NS);
	drive_fini(&d);
}

static const struct ukvmm_rate glacial = { .size = sizeof glacial, .bytes_per_s = 1, .bytes_burst = 1 };

/* One that waits for the rate is not lost by a pause, nor by a load. */
static void pause_and_load_keep_requests(void **state)
{
	struct drive_dev dev, unused;
	struct drive a, b;
	uint32_t len;
	uint64_t gpa;

	(void)state;
	up(&a, &dev, &glacial);
	gpa = drive_alloc(&a, LEN);
	for (uint32_t i = 0; i < 3; i++)
		ask(&dev, gpa, LEN);
	assert_true(drive_used(&dev, 0, NULL) >= 0);
	assert_int_equal(drive_used(&dev, 0, NULL), -1);
	drive_pause(&a);
	assert_true(drive_used(&dev, 0, &len) >= 0);
	assert_int_equal(len, LEN);
	up(&b, &unused, NULL);
	drive_clone(&b, &a);
	drive_dev_moved(&dev, &b, 0);
	assert_int_equal(ukvmm_vm_resume(b.vm), 0);
	drive_wait_used(&dev, 0, &len);
	assert_int_equal(len, LEN);
	drive_fini(&a);
	drive_fini(&b);
}

/* One that waits for ever is answered at once when the limit goes. */
static void rate_changes_while_it_runs(void **state)
{
	struct ukvmm_rate none = { .size = sizeof none };
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa;

	(void)state;
	up(&d, &dev, &glacial);
	gpa = drive_alloc(&d, LEN);
	for (uint32_t i = 0; i < 3; i++)
		ask(&dev, gpa, LEN);
	assert_true(drive_used(&dev, 0, NULL) >= 0);
	assert_int_equal(drive_used(&dev, 0, NULL), -1);
	assert_int_equal(ukvmm_vm_set_rate(d.vm, "rng0", UKVMM_RATE_ALL, &none, NULL), 0);
	drive_wait_used(&dev, 0, NULL);
	drive_wait_used(&dev, 0, NULL);
	assert_int_equal(ukvmm_vm_set_rate(d.vm, "rng0", UKVMM_RATE_RX, &none, NULL), -EINVAL);
	drive_fini(&d);
}

static void reset_forgets_what_waits(void **state)
{
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa;

	(void)state;
	up(&d, &dev, &glacial);
	gpa = drive_alloc(&d, LEN);
	for (uint32_t i = 0; i < 3; i++)
		ask(&dev, gpa, LEN);
	drive_dev_up(&d, 0, 1, RING, 0, &dev);
	assert_int_equal(virtio_dev_in_flight(dev.virtio), 0);
	ask(&dev, gpa, LEN);
	assert_int_equal(virtio_dev_in_flight(dev.virtio), 1);
	drive_fini(&d);
}

static void configs_are_checked(void **state)
{
	struct ukvmm_rng_config c = { .size = sizeof c };
	struct ukvmm_rate rate = { .size = 4 };
	struct drive d;

	(void)state;
	drive_init(&d);
	c.flags = 1;
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "rng0", &c, NULL), -EINVAL);
	c.flags = 0;
	c.rate = &rate;
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "rng0", &c, NULL), -EINVAL);
	c.rate = NULL;
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "", &c, NULL), -EINVAL);
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "rng0", NULL, NULL), 0);
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "rng0", &c, NULL), -EEXIST);
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "rng1", &c, NULL), 0);
	drive_seal(&d);
	assert_int_equal(ukvmm_vm_add_rng(d.vm, "rng2", &c, NULL), -EBADFD);
	drive_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_random),
		cmocka_unit_test(request_is_bounded),
		cmocka_unit_test(callback_is_bounded),
		cmocka_unit_test(rate_delays_and_loses_nothing),
		cmocka_unit_test(pause_and_load_keep_requests),
		cmocka_unit_test(rate_changes_while_it_runs),
		cmocka_unit_test(reset_forgets_what_waits),
		cmocka_unit_test(configs_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
