/* SPDX-License-Identifier: Apache-2.0 */
#include "../kvm/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices.h"
#include "drive.h"
#include "virtio_reg.h"

enum { RING = 64, LEN = 4096, F_SIZE = 1, OUTPUT = 64 << 10 };
enum { Q_RX, Q_TX };

static void up_as(struct drive *d, struct drive_dev *dev, uint32_t cols, uint32_t rows, uint32_t ring)
{
	struct ukvmm_console_config c = { .size = sizeof c, .cols = cols, .rows = rows };

	drive_init(d);
	assert_int_equal(ukvmm_vm_add_console(d->vm, "console0", &c, NULL), 0);
	drive_seal(d);
	drive_dev_up(d, 0, 2, ring, F_SIZE, dev);
}

static void up_sized(struct drive *d, struct drive_dev *dev, uint32_t cols, uint32_t rows)
{
	up_as(d, dev, cols, rows, RING);
}

static void up_ring(struct drive *d, struct drive_dev *dev, uint32_t ring)
{
	up_as(d, dev, 0, 0, ring);
}

static void up(struct drive *d, struct drive_dev *dev)
{
	up_sized(d, dev, 0, 0);
}

static void write_out(struct drive_dev *dev, uint64_t gpa, const char *text)
{
	memcpy(drive_at(dev->d, gpa, LEN), text, strlen(text));
	drive_put(dev, Q_TX, &(struct drive_seg){ gpa, (uint32_t)strlen(text), false }, 1);
	drive_kick(dev, Q_TX);
	assert_true(drive_used(dev, Q_TX, NULL) >= 0);
}

static void output_comes_on_port_1(void **state)
{
	struct ukvmm_vm_stats stats = { .size = sizeof stats };
	struct ukvmm_event ev[4];
	struct drive_dev dev;
	struct drive d;
	char buf[64];
	uint64_t gpa;
	int n;

	(void)state;
	up(&d, &dev);
	gpa = drive_alloc(&d, LEN);
	while (ukvmm_poller_run(d.poller, ev, 4, 0) > 0)
		;
	write_out(&dev, gpa, "hello ");
	write_out(&dev, gpa, "world");
	n = ukvmm_poller_run(d.poller, ev, 4, 0);
	assert_int_equal(n, 1);
	assert_int_equal(ev[0].type, UKVMM_EV_CONSOLE);
	assert_int_equal(ev[0].value, 11);
	assert_int_equal(ukvmm_vm_console_read(d.vm, 0, buf, sizeof buf, NULL), 0);
	assert_int_equal(ukvmm_vm_console_read(d.vm, 1, buf, sizeof buf, NULL), 11);
	assert_memory_equal(buf, "hello world", 11);
	assert_int_equal(ukvmm_vm_stats(d.vm, &stats), 0);
	assert_int_equal(stats.console_bytes, 11);
	assert_int_equal(ukvmm_vm_console_read(d.vm, 2, buf, sizeof buf, NULL), -ERANGE);
	assert_int_equal(ukvmm_vm_console_write(d.vm, 2, buf, 1), -ERANGE);
	drive_fini(&d);
}

/* 48 MiB in one chain: the vCPU that kicked copies a share of it, the ring keeps what it can, the rest is counted. */
static void flood_is_bounded_and_counted(void **state)
{
	enum { BUFFERS = 48, BYTES = 1 << 20, KICK_MOST = 1 << 20 };
	static uint8_t buf[OUTPUT + 1];
	struct drive_seg seg[BUFFERS];
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa, lost, first;

	(void)state;
	up(&d, &dev);
	gpa = drive_alloc(&d, BYTES);
	for (uint32_t i = 0; i < BUFFERS; i++)
		seg[i] = (struct drive_seg){ gpa, BYTES, false };
	drive_put(&dev, Q_TX, seg, BUFFERS);
	drive_kick(&dev, Q_TX);
	assert_int_equal(drive_used(&dev, Q_TX, NULL), -1);
	assert_int_equal(ukvmm_vm_console_read(d.vm, 1, buf, 1, &first), 1);
	assert_in_range(first, 1, KICK_MOST);
	drive_wait_used(&dev, Q_TX, NULL);
	assert_int_equal(ukvmm_vm_console_read(d.vm, 1, buf, sizeof buf, &lost), OUTPUT);
	assert_int_equal(lost + first + OUTPUT + 1, (uint64_t)BUFFERS * BYTES);
	drive_fini(&d);
}

/* One kick for all of them: whether the chains or the bytes of a turn run out first, with or without one half done. */
static void all_of_one_kick_comes(void **state)
{
	static const struct {
		uint32_t first, bytes; /* of the first chain, of each other */
	} guest[] = { { 8192, 8192 }, { 300 << 10, 1 }, { 256 << 10, 1 }, { 1, 4096 } };

	(void)state;
	for (uint32_t i = 0; i < sizeof guest / sizeof guest[0]; i++) {
		struct drive_dev dev;
		struct drive d;
		uint64_t gpa;

		up_ring(&d, &dev, 4 * RING);
		gpa = drive_alloc(&d, guest[i].first);
		for (uint32_t n = 0; n < 4 * RING; n++)
			drive_put(&dev, Q_TX, &(struct drive_seg){ gpa, n ? guest[i].bytes : guest[i].first, false }, 1);
		drive_kick(&dev, Q_TX);
		for (uint32_t n = 0; n < 4 * RING; n++)
			assert_int_equal(drive_wait_used(&dev, Q_TX, NULL), n);
		drive_fini(&d);
	}
}

static void input_waits_for_the_guest(void **state)
{
	struct drive_dev dev;
	struct drive d;
	char much[8192], got[8192];
	uint32_t len, sum = 0;
	uint64_t gpa;
	int64_t taken;

	(void)state;
	for (uint32_t i = 0; i < sizeof much; i++)
		much[i] = (char)(i * 7 + i / 256);
	up(&d, &dev);
	gpa = drive_alloc(&d, RING * LEN);
	taken = ukvmm_vm_console_write(d.vm, 1, much, sizeof much);
	assert_int_equal(taken, 4096);
	for (uint32_t i = 0; i < 4; i++)
		drive_poll(&d);
	/* however long nobody reads, no more than that and one device's worth */
	for (uint32_t i = 0; i < 10; i++) {
		taken += ukvmm_vm_console_write(d.vm, 1, much + taken, sizeof much - (size_t)taken);
		drive_poll(&d);
	}
	assert_in_range(taken, 4096, 4096 + 1024);
	/* buffers that take nothing, a little, and much */
	drive_put(&dev, Q_RX, &(struct drive_seg){ gpa, 100, false }, 1);
	for (uint32_t i = 1; i < 40; i++)
		drive_put(&dev, Q_RX, &(struct drive_seg){ gpa + i * LEN, i < 4 ? i : 300, true }, 1);
	drive_kick(&dev, Q_RX);
	while (sum < (uint32_t)taken) {
		uint16_t head = drive_wait_used(&dev, Q_RX, &len);

		assert_true(head || !len);
		memcpy(got + sum, drive_at(&d, gpa + (uint64_t)head * LEN, LEN), len);
		sum += len;
	}
	assert_memory_equal(got, much, (size_t)taken);
	assert_int_equal(ukvmm_vm_console_write(d.vm, 1, "x", 1), 1);
	assert_true(drive_wait_used(&dev, Q_RX, &len));
	assert_int_equal(len, 1);
	drive_fini(&d);
}

static uint32_t size_of_console(struct drive_dev *dev)
{
	return (uint32_t)drive_reg(dev, REG_CONFIG, 4);
}

static bool resized(void *arg)
{
	return size_of_console(arg) == (50u << 16 | 132);
}

static void resize_reaches_the_guest(void **state)
{
	struct drive_dev dev;
	struct drive d;
	uint64_t generation;

	(void)state;
	up_sized(&d, &dev, 80, 25);
	assert_int_equal(size_of_console(&dev), 25u << 16 | 80);
	generation = drive_reg(&dev, REG_CONFIG_GENERATION, 4);
	assert_int_equal(drive_reg(&dev, REG_INTERRUPT_STATUS, 4), 0);
	assert_int_equal(ukvmm_vm_console_resize(d.vm, 132, 50), 0);
	drive_until(&d, resized, &dev);
	assert_int_not_equal(drive_reg(&dev, REG_CONFIG_GENERATION, 4), generation);
	assert_int_equal(drive_reg(&dev, REG_INTERRUPT_STATUS, 4), INTERRUPT_CONFIG);
	assert_int_equal(ukvmm_vm_console_resize(d.vm, 65536, 50), -EINVAL);
	drive_fini(&d);
}

static void configs_are_checked(void **state)
{
	struct ukvmm_console_config c = { .size = sizeof c };
	struct drive d;
	char byte;

	(void)state;
	drive_init(&d);
	assert_int_equal(ukvmm_vm_console_resize(d.vm, 1, 1), -ENODEV);
	assert_int_equal(ukvmm_vm_console_read(d.vm, 1, &byte, 1, NULL), -ERANGE);
	c.cols = 65536;
	assert_int_equal(ukvmm_vm_add_console(d.vm, "c", &c, NULL), -EINVAL);
	c.cols = 0;
	c.ring_bytes = UINT32_MAX;
	assert_int_equal(ukvmm_vm_add_console(d.vm, "c", &c, NULL), -EINVAL);
	c.ring_bytes = 0;
	assert_int_equal(ukvmm_vm_add_console(d.vm, "", &c, NULL), -EINVAL);
	assert_int_equal(ukvmm_vm_add_console(d.vm, "c", &c, NULL), 0);
	assert_int_equal(ukvmm_vm_add_console(d.vm, "d", &c, NULL), -EEXIST);
	assert_int_equal(ukvmm_vm_console_write(d.vm, 1, "x", 1), -EBADFD); /* as on port 0 */
	drive_fini(&d);
}

/* Input that waited, and a chain that is read half, at a save. */
static void load_goes_on(void **state)
{
	enum { BUFFERS = 32, BYTES = 64 << 10 };
	struct drive_seg seg[BUFFERS];
	struct drive_dev dev, unused;
	struct drive a, b;
	uint64_t gpa, lost;
	uint32_t len;

	(void)state;
	up(&a, &dev);
	up_sized(&b, &unused, 132, 50);
	gpa = drive_alloc(&a, BYTES);
	assert_int_equal(ukvmm_vm_console_write(a.vm, 1, "typed", 5), 5);
	drive_poll(&a); /* now it is the device's */
	for (uint32_t i = 0; i < BUFFERS; i++)
		seg[i] = (struct drive_seg){ gpa, BYTES, false };
	drive_put(&dev, Q_TX, seg, BUFFERS);
	drive_kick(&dev, Q_TX);
	assert_int_equal(drive_used(&dev, Q_TX, NULL), -1);
	drive_pause(&a);
	assert_true(drive_used(&dev, Q_TX, NULL) >= 0);
	assert_int_equal(ukvmm_vm_console_read(a.vm, 1, seg, 1, &lost), 1);
	assert_int_equal(lost, BUFFERS * BYTES - OUTPUT);
	drive_clone(&b, &a);
	drive_dev_moved(&dev, &b, 0);
	assert_int_equal(ukvmm_vm_resume(b.vm), 0);
	drive_put(&dev, Q_RX, &(struct drive_seg){ gpa, LEN, true }, 1);
	drive_kick(&dev, Q_RX);
	drive_wait_used(&dev, Q_RX, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(drive_at(&b, gpa, 5), "typed", 5);
	drive_until(&b, resized, &dev); /* the size is that of the console it is at now */
	drive_fini(&a);
	drive_fini(&b);
}

/* In the middle of a chain; input that nobody took is for the next driver. */
static void reset_leaves_input(void **state)
{
	enum { BUFFERS = 32, BYTES = 64 << 10 };
	struct drive_seg seg[BUFFERS];
	struct drive_dev dev;
	struct drive d;
	uint32_t len;
	uint64_t gpa;

	(void)state;
	up(&d, &dev);
	gpa = drive_alloc(&d, BYTES);
	assert_int_equal(ukvmm_vm_console_write(d.vm, 1, "typed", 5), 5);
	drive_poll(&d);
	for (uint32_t i = 0; i < BUFFERS; i++)
		seg[i] = (struct drive_seg){ gpa, BYTES, false };
	drive_put(&dev, Q_TX, seg, BUFFERS);
	drive_kick(&dev, Q_TX);
	assert_int_equal(virtio_dev_in_flight(dev.virtio), 1);
	drive_dev_up(&d, 0, 2, RING, F_SIZE, &dev);
	assert_int_equal(virtio_dev_in_flight(dev.virtio), 0);
	drive_put(&dev, Q_RX, &(struct drive_seg){ gpa, LEN, true }, 1);
	drive_kick(&dev, Q_RX);
	drive_wait_used(&dev, Q_RX, &len);
	assert_int_equal(len, 5);
	write_out(&dev, gpa, "goes on");
	drive_fini(&d);
}

/* A byte a buffer, more buffers than a turn serves. */
static void input_in_small_buffers(void **state)
{
	char text[3 * RING];
	struct drive_dev dev;
	struct drive d;
	uint64_t gpa;
	uint32_t len;

	(void)state;
	memset(text, 'x', sizeof text);
	up(&d, &dev);
	gpa = drive_alloc(&d, LEN);
	for (uint32_t i = 0; i < RING; i++)
		drive_put(&dev, Q_RX, &(struct drive_seg){ gpa, 1, true }, 1);
	drive_kick(&dev, Q_RX);
	assert_int_equal(ukvmm_vm_console_write(d.vm, 1, text, sizeof text), sizeof text);
	for (uint32_t i = 0; i < sizeof text; i++) {
		drive_wait_used(&dev, Q_RX, &len);
		assert_int_equal(len, 1);
		drive_put(&dev, Q_RX, &(struct drive_seg){ gpa, 1, true }, 1);
		drive_kick(&dev, Q_RX);
	}
	drive_poll(&d);
	assert_int_equal(drive_used(&dev, Q_RX, NULL), -1);
	drive_fini(&d);
}

static void hostile_state_is_refused(void **state)
{
	static const struct virtio_console_host host = { 0 };
	struct ukvmm_device_ops ops;
	struct virtio_console *c;
	struct ukvmm_state s;
	uint32_t words[512] = { 1025 };

	(void)state;
	assert_int_equal(virtio_console_new(&c, &host, NULL, 0, 0), 0);
	virtio_console_ops(c, &ops);
	state_load_init(&s, words, sizeof words);
	assert_true(ops.load(c, &s, 1) < 0);
	words[0] = UINT32_MAX;
	state_load_init(&s, words, sizeof words);
	assert_true(ops.load(c, &s, 1) < 0);
	state_load_init(&s, words, sizeof words);
	assert_int_equal(ops.load(c, &s, 2), -ENOTSUP);
	ops.destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_comes_on_port_1),
		cmocka_unit_test(flood_is_bounded_and_counted),
		cmocka_unit_test(all_of_one_kick_comes),
		cmocka_unit_test(input_waits_for_the_guest),
		cmocka_unit_test(resize_reaches_the_guest),
		cmocka_unit_test(configs_are_checked),
		cmocka_unit_test(load_goes_on),
		cmocka_unit_test(reset_leaves_input),
		cmocka_unit_test(input_in_small_buffers),
		cmocka_unit_test(hostile_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
