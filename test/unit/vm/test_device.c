/* SPDX-License-Identifier: Apache-2.0 */
/* When a device is called, and on which thread: kicks, wakes, timers, watched fds, and none of it while paused. */
#include "../kvm/test.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/device.h>

#include "drive.h"
#include "fake.h"
#include "virtio_reg.h"

enum { QUEUE_SIZE = 64, EVENT_TAG = 7, CONFIG = 8 };

struct echo {
	struct ukvmm_device *dev;
	pthread_t last_thread;
	uint32_t served, woken, timers, fds, turns;
	bool restless; /* wakes itself at each turn */
	int fd;
};

static void echo_queue(void *ctx, uint32_t q, uint32_t budget)
{
	struct echo *e = ctx;
	struct ukvmm_queue *queue = ukvmm_device_queue(e->dev, q);
	struct ukvmm_chain *c;

	e->last_thread = pthread_self();
	e->turns++;
	while (budget-- && (c = ukvmm_queue_pop(queue))) {
		ukvmm_chain_write(c, "echo", 4);
		ukvmm_queue_push(queue, c);
		e->served++;
	}
	ukvmm_queue_notify(queue);
}

static void echo_woken(void *ctx)
{
	struct echo *e = ctx;

	e->woken++;
	if (e->restless)
		ukvmm_device_wake(e->dev);
}

static void echo_timer(void *ctx)
{
	((struct echo *)ctx)->timers++;
}

static void echo_fd(void *ctx, uint64_t tag, uint32_t events)
{
	struct echo *e = ctx;
	uint64_t value;

	assert_int_equal(tag, EVENT_TAG);
	assert_true(events & EPOLLIN);
	assert_int_equal(read(e->fd, &value, sizeof value), sizeof value);
	e->fds++;
}

static int echo_state(void *ctx, struct ukvmm_state *s)
{
	return ukvmm_state_bytes(s, &((struct echo *)ctx)->served, 4);
}

static int echo_load(void *ctx, struct ukvmm_state *s, uint32_t version)
{
	return version == 1 ? echo_state(ctx, s) : -EINVAL;
}

static void up(struct drive *d, struct drive_dev *dev, struct echo *e, uint32_t flags, uint32_t kicks)
{
	const struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 63, .queues = 2, .flags = flags,
		.config_bytes = CONFIG, .config_writable = 1u << 1 | 1u << 6, .queue_ready = echo_queue,
		.fd_ready = echo_fd, .woken = echo_woken, .timer = echo_timer, .save = echo_state, .load = echo_load };
	struct ukvmm_vm_config config = { .size = sizeof config, .memory = DRIVE_RAM, .kicks = kicks };

	memset(e, 0, sizeof *e);
	drive_init_config(d, &config);
	assert_int_equal(ukvmm_vm_add_device(d->vm, "echo", &ops, e, &e->dev, NULL), 0);
	e->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(ukvmm_device_watch(e->dev, e->fd, EPOLLIN, EVENT_TAG), 0);
	drive_seal(d);
	drive_dev_up(d, 0, 2, QUEUE_SIZE, 0, dev);
}

static void down(struct drive *d, struct echo *e)
{
	drive_fini(d);
	close(e->fd);
}

static void put_one(struct drive_dev *dev, uint32_t q)
{
	struct drive_seg seg = { drive_alloc(dev->d, 16), 16, true };

	drive_put(dev, q, &seg, 1);
}

static void inline_kick_is_served_within_the_write(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;
	uint32_t len;

	(void)state;
	up(&d, &dev, &e, UKVMM_DEVICE_INLINE, UKVMM_KICKS_AUTO);
	put_one(&dev, 1);
	drive_kick(&dev, 1);
	assert_int_equal(drive_used(&dev, 1, &len), 0);
	assert_int_equal(len, 4);
	assert_true(drive_reg(&dev, REG_INTERRUPT_STATUS, 4) & 1);
	assert_int_equal(ukvmm_vm_fds(d.vm), 2); /* VM and vCPU */
	down(&d, &e);
}

static void other_kick_waits_for_the_poller(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;

	(void)state;
	up(&d, &dev, &e, 0, UKVMM_KICKS_EXIT);
	put_one(&dev, 0);
	drive_kick(&dev, 0);
	assert_int_equal(drive_used(&dev, 0, NULL), -1);
	drive_wait_used(&dev, 0, NULL);
	assert_int_equal(e.served, 1);
	down(&d, &e);
}

static void inline_budget_leaves_the_rest_to_the_poller(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;

	(void)state;
	up(&d, &dev, &e, UKVMM_DEVICE_INLINE, UKVMM_KICKS_AUTO);
	for (uint32_t i = 0; i < QUEUE_SIZE; i++)
		put_one(&dev, 0);
	drive_kick(&dev, 0);
	assert_int_equal(e.served, QUEUE_SIZE); /* the budget */
	e.turns = 0;
	drive_poll(&d); /* may have had more: is looked at again, by the poller */
	assert_int_equal(e.turns, 1);
	down(&d, &e);
}

static void busy_queue_gets_its_eventfd(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;
	struct fake_vm *vm;
	uint64_t one = 1;

	(void)state;
	up(&d, &dev, &e, 0, UKVMM_KICKS_AUTO);
	vm = fake_vm(d.fake, d.vm->shell->kvm.fd);
	assert_int_equal(ukvmm_vm_fds(d.vm), 3);
	for (uint32_t i = 0; i < 100000 && !vm->ioeventfds; i++) {
		put_one(&dev, 0);
		drive_kick(&dev, 0);
		drive_wait_used(&dev, 0, NULL);
		d.free -= 4096;
	}
	assert_int_equal(vm->ioeventfds, 1);
	assert_int_equal(vm->ioeventfd.addr, X86_VIRTIO_BASE + REG_QUEUE_NOTIFY);
	assert_int_equal(vm->ioeventfd.len, 4);
	assert_int_equal(vm->ioeventfd.flags, 0);
	/* what KVM does then */
	put_one(&dev, 1);
	assert_int_equal(write(vm->ioeventfd.fd, &one, sizeof one), sizeof one);
	drive_wait_used(&dev, 1, NULL);
	down(&d, &e);
}

static void eventfd_from_the_first(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;
	struct fake_vm *vm;
	uint64_t one = 1;

	(void)state;
	up(&d, &dev, &e, UKVMM_DEVICE_INLINE, UKVMM_KICKS_EVENTFD);
	vm = fake_vm(d.fake, d.vm->shell->kvm.fd);
	assert_int_equal(vm->ioeventfds, 1);
	put_one(&dev, 0);
	assert_int_equal(write(vm->ioeventfd.fd, &one, sizeof one), sizeof one);
	drive_wait_used(&dev, 0, NULL);
	down(&d, &e);
}

static bool woken(void *arg)
{
	return ((struct echo *)arg)->woken > 0;
}

static bool timed(void *arg)
{
	return ((struct echo *)arg)->timers > 0;
}

static bool read_fd(void *arg)
{
	return ((struct echo *)arg)->fds > 0;
}

static void *wake(void *arg)
{
	ukvmm_device_wake(arg);
	return NULL;
}

static void wake_timer_and_fd_arrive(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;
	pthread_t other;

	(void)state;
	up(&d, &dev, &e, 0, UKVMM_KICKS_AUTO);
	assert_int_equal(pthread_create(&other, NULL, wake, e.dev), 0);
	drive_until(&d, woken, &e);
	pthread_join(other, NULL);
	ukvmm_device_timer(e.dev, ukvmm_now() + 1000000);
	drive_until(&d, timed, &e);
	assert_int_equal(eventfd_write(e.fd, 1), 0);
	drive_until(&d, read_fd, &e);
	assert_int_equal(e.timers, 1);
	down(&d, &e);
}

/* A device that always has more to do gets one turn of a pass, however many other VMs have nothing. */
static void one_pass_is_one_turn(void **state)
{
	enum { OTHERS = 8 };
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = DRIVE_RAM };
	struct ukvmm_vm *other[OTHERS];
	struct drive d;
	struct drive_dev dev;
	struct echo e;

	(void)state;
	up(&d, &dev, &e, 0, UKVMM_KICKS_AUTO);
	for (uint32_t i = 0; i < OTHERS; i++)
		assert_int_equal(ukvmm_vm_new(d.poller, "other", d.image, &config, &other[i], NULL), 0);
	drive_poll(&d);
	e.woken = 0;
	e.restless = true;
	ukvmm_device_wake(e.dev);
	for (uint32_t i = 1; i < 4; i++) {
		drive_poll(&d);
		assert_int_equal(e.woken, i);
	}
	e.restless = false;
	for (uint32_t i = 0; i < OTHERS; i++)
		assert_int_equal(ukvmm_vm_destroy(other[i]), 0);
	down(&d, &e);
}

static void nothing_arrives_while_paused(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;
	struct pollfd fd;

	(void)state;
	up(&d, &dev, &e, UKVMM_DEVICE_INLINE, UKVMM_KICKS_AUTO);
	drive_pause(&d);
	put_one(&dev, 0);
	drive_kick(&dev, 0);
	ukvmm_device_wake(e.dev);
	ukvmm_device_timer(e.dev, 1);
	eventfd_write(e.fd, 1);
	fd = (struct pollfd){ .fd = ukvmm_poller_fd(d.poller), .events = POLLIN };
	for (uint32_t i = 0; i < 10; i++)
		drive_poll(&d);
	assert_int_equal(poll(&fd, 1, 0), 0); /* it does not spin either */
	assert_int_equal(e.served + e.woken + e.timers + e.fds, 0);
	assert_int_equal(ukvmm_vm_resume(d.vm), 0);
	drive_wait_used(&dev, 0, NULL);
	drive_until(&d, woken, &e);
	drive_until(&d, timed, &e);
	drive_until(&d, read_fd, &e);
	down(&d, &e);
}

static void clone_goes_on(void **state)
{
	struct drive a, b;
	struct drive_dev dev, unused;
	struct echo ea, eb;

	(void)state;
	up(&a, &dev, &ea, UKVMM_DEVICE_INLINE, UKVMM_KICKS_AUTO);
	up(&b, &unused, &eb, UKVMM_DEVICE_INLINE, UKVMM_KICKS_AUTO);
	drive_pause(&a);
	put_one(&dev, 0);
	drive_clone(&b, &a);
	drive_dev_moved(&dev, &b, 0);
	assert_int_equal(ukvmm_vm_resume(b.vm), 0);
	drive_wait_used(&dev, 0, NULL);
	assert_int_equal(eb.served, 1);
	assert_int_equal(ea.served, 0);
	down(&a, &ea);
	down(&b, &eb);
}

static void driver_writes_only_what_it_may(void **state)
{
	struct drive d;
	struct drive_dev dev;
	struct echo e;
	uint8_t config[CONFIG];

	(void)state;
	up(&d, &dev, &e, 0, UKVMM_KICKS_AUTO);
	drive_reg_set(&dev, REG_CONFIG, 8, 0x8877665544332211);
	drive_reg_set(&dev, REG_CONFIG + 6, 4, 0xffffff99);
	assert_int_equal(ukvmm_device_config_get(e.dev, 0, config, CONFIG), 0);
	assert_memory_equal(config, ((uint8_t[CONFIG]){ 0, 0x22, 0, 0, 0, 0, 0x99, 0 }), CONFIG);
	assert_int_equal(ukvmm_device_config_get(e.dev, 1, config, CONFIG), -EINVAL);
	down(&d, &e);
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The fake KVM's VM and vCPU are not among the process's. */
static void every_fd_is_counted(void **state)
{
	struct ukvmm_net_config net = { .size = sizeof net, .kind = UKVMM_NET_PACKET };
	struct ukvmm_blk_config blk = { .size = sizeof blk, .flags = UKVMM_BLK_OVERLAY_FILE };
	struct ukvmm_vm_config config = { .size = sizeof config, .memory = DRIVE_RAM, .kicks = UKVMM_KICKS_EVENTFD };
	struct drive d;
	int pair[2], before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	net.fd = pair[0];
	blk.fd = memfd_create("base", MFD_CLOEXEC);
	blk.top_fd = memfd_create("top", MFD_CLOEXEC);
	assert_int_equal(ftruncate(blk.fd, 1 << 20), 0);
	drive_init_config(&d, &config);
	before = open_fds();
	assert_int_equal(ukvmm_vm_add_net(d.vm, "net0", &net, NULL), 0);
	assert_int_equal(ukvmm_vm_add_blk(d.vm, "disk0", &blk, NULL), 0);
	drive_seal(&d);
	assert_int_equal(ukvmm_vm_fds(d.vm), 2 + open_fds() - before);
	drive_fini(&d);
	close(pair[0]);
	close(pair[1]);
	close(blk.fd);
	close(blk.top_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inline_kick_is_served_within_the_write),
		cmocka_unit_test(other_kick_waits_for_the_poller),
		cmocka_unit_test(inline_budget_leaves_the_rest_to_the_poller),
		cmocka_unit_test(busy_queue_gets_its_eventfd),
		cmocka_unit_test(eventfd_from_the_first),
		cmocka_unit_test(wake_timer_and_fd_arrive),
		cmocka_unit_test(one_pass_is_one_turn),
		cmocka_unit_test(nothing_arrives_while_paused),
		cmocka_unit_test(clone_goes_on),
		cmocka_unit_test(driver_writes_only_what_it_may),
		cmocka_unit_test(every_fd_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
