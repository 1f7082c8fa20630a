/* SPDX-License-Identifier: Apache-2.0 */
/* A VM that goes: what its devices may still do meanwhile, and that nobody finds it afterwards. */
#include "../kvm/test.h"

#include <poll.h>
#include <string.h>

#include <ukvmm/device.h>

#include "drive.h"
#include "virtio_reg.h"

enum { QUEUE_SIZE = 8, BYTES = 16 };

/* Keeps the chain that it is given, and has a neighbour. */
struct keeper {
	struct ukvmm_device *dev, *other;
	struct ukvmm_chain *chain;
	char seen[BYTES];
	int64_t read;
	uint32_t destroyed;
};

static void keeper_queue(void *ctx, uint32_t q, uint32_t budget)
{
	struct keeper *k = ctx;

	(void)budget;
	if (!k->chain)
		k->chain = ukvmm_queue_pop(ukvmm_device_queue(k->dev, q));
}

static void keeper_woken(void *ctx)
{
	(void)ctx;
}

static void wakes_the_other(void *ctx)
{
	struct keeper *k = ctx;

	k->destroyed++;
	ukvmm_device_wake(k->other);
}

static void counts(void *ctx)
{
	((struct keeper *)ctx)->destroyed++;
}

static void gives_its_chain_back(void *ctx)
{
	struct keeper *k = ctx;
	struct ukvmm_queue *queue = ukvmm_device_queue(k->dev, 0);

	k->destroyed++;
	k->read = ukvmm_chain_read(k->chain, k->seen, sizeof k->seen);
	ukvmm_queue_push(queue, k->chain);
	ukvmm_queue_notify(queue);
}

static struct ukvmm_device *add(struct drive *d, const char *name, struct keeper *k, void (*destroy)(void *ctx))
{
	const struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 63, .queues = 1,
		.queue_ready = keeper_queue, .woken = keeper_woken, .destroy = destroy };

	assert_int_equal(ukvmm_vm_add_device(d->vm, name, &ops, k, &k->dev, NULL), 0);
	return k->dev;
}

/* As the completion of a disk's request does it: until its own destroy has begun a device may be woken. */
static void who_is_woken_meanwhile_is_not_served_again(void **state)
{
	struct keeper first = { 0 }, second = { 0 };
	struct drive d;
	struct pollfd fd;

	(void)state;
	drive_init(&d);
	add(&d, "first", &first, wakes_the_other);
	first.other = add(&d, "second", &second, counts);
	drive_seal(&d);
	drive_poll(&d);
	assert_int_equal(ukvmm_vm_destroy(d.vm), 0);
	d.vm = NULL;
	assert_int_equal(first.destroyed + second.destroyed, 2);
	assert_null(d.poller->head);
	fd = (struct pollfd){ .fd = ukvmm_poller_fd(d.poller), .events = POLLIN };
	assert_int_equal(poll(&fd, 1, 0), 0);
	drive_fini(&d);
}

static void sets_its_timer(void *ctx)
{
	struct keeper *k = ctx;

	k->destroyed++;
	ukvmm_device_timer(k->dev, ukvmm_now() + 1000000000u);
}

static void a_timer_that_is_set_at_the_end_is_not_kept(void **state)
{
	struct keeper k = { 0 };
	struct drive d;

	(void)state;
	drive_init(&d);
	add(&d, "late", &k, sets_its_timer);
	drive_seal(&d);
	assert_int_equal(ukvmm_vm_destroy(d.vm), 0);
	d.vm = NULL;
	assert_int_equal(k.destroyed, 1);
	assert_int_equal(d.poller->timers.len, 0);
	drive_fini(&d);
}

static bool has_chain(void *arg)
{
	return ((struct keeper *)arg)->chain;
}

static void a_chain_can_be_given_back_at_the_very_end(void **state)
{
	static const char text[BYTES] = "from the guest.";
	struct keeper k = { 0 };
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa;

	(void)state;
	drive_init(&d);
	add(&d, "keeper", &k, gives_its_chain_back);
	drive_seal(&d);
	drive_dev_up(&d, 0, 1, QUEUE_SIZE, 0, &dev);
	gpa = drive_alloc(&d, BYTES);
	memcpy(drive_at(&d, gpa, BYTES), text, BYTES);
	drive_put(&dev, 0, &(struct drive_seg){ gpa, BYTES, false }, 1);
	drive_kick(&dev, 0);
	drive_until(&d, has_chain, &k);
	drive_fini(&d);
	assert_int_equal(k.destroyed, 1);
	assert_int_equal(k.read, BYTES);
	assert_memory_equal(k.seen, text, BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_woken_meanwhile_is_not_served_again),
		cmocka_unit_test(a_timer_that_is_set_at_the_end_is_not_kept),
		cmocka_unit_test(a_chain_can_be_given_back_at_the_very_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
