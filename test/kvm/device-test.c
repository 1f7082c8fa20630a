/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of the embedder's: when their callbacks come, on which thread, and how often. The queues themselves are
 * tested in test/unit/virtio and by examples/embed/own-device.c. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ukvmm/device.h>

#include "vm.h"

/* Brings the device up, then makes queue 0 ready with a misaligned descriptor table; then waits. */
TINY_CODE(bad_driver,
	"mov ebx, 0xd0000000; mov dword ptr [rbx + 0x70], 1; mov dword ptr [rbx + 0x70], 3; "
	"mov dword ptr [rbx + 0x24], 1; mov dword ptr [rbx + 0x20], 1; mov dword ptr [rbx + 0x70], 11; "
	"mov dword ptr [rbx + 0x30], 0; mov dword ptr [rbx + 0x38], 8; mov dword ptr [rbx + 0x80], 0x200001; "
	"mov dword ptr [rbx + 0x90], 0x201000; mov dword ptr [rbx + 0xa0], 0x202000; mov dword ptr [rbx + 0x44], 1; "
	"mov dword ptr [rbx + 0x70], 0; mov edx, 0x501; mov al, 5; out dx, al");

struct counted {
	struct ukvmm_device *dev;
	pthread_t poller;
	int resets, quiesces, destroys, fd_ready, later, fd;
	uint64_t value, tag;
};

static void on_queue(void *ctx, uint32_t q, uint32_t budget)
{
	(void)ctx;
	(void)q;
	(void)budget;
}

static void on_fd(void *ctx, uint64_t tag, uint32_t events)
{
	struct counted *c = ctx;
	eventfd_t n;

	assert_true(events & EPOLLIN);
	assert_true(pthread_equal(c->poller, pthread_self()));
	assert_int_equal(ukvmm_vm_destroy(c->dev->vm), -EBUSY); /* from its own callback */
	eventfd_read(c->fd, &n);
	c->tag = tag;
	c->fd_ready++;
}

static void on_reset(void *ctx)
{
	struct counted *c = ctx;

	assert_true(pthread_equal(c->poller, pthread_self()));
	c->resets++;
}

static int on_quiesce(void *ctx)
{
	struct counted *c = ctx;

	c->quiesces++;
	return !c->later;
}

static int on_save(void *ctx, struct ukvmm_state *s)
{
	return ukvmm_state_bytes(s, &((struct counted *)ctx)->value, 8);
}

static int on_load(void *ctx, struct ukvmm_state *s, uint32_t version)
{
	return version == 3 ? on_save(ctx, s) : -EINVAL;
}

static void on_destroy(void *ctx)
{
	((struct counted *)ctx)->destroys++;
}

static const struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 63, .queues = 1, .version = 3,
	.queue_ready = on_queue, .fd_ready = on_fd, .reset = on_reset, .quiesce = on_quiesce, .save = on_save,
	.load = on_load, .destroy = on_destroy };

static struct ukvmm_vm *vm_with(struct fixture *f, const struct tiny_code *code, struct counted *c, const char *name)
{
	struct ukvmm_vm *vm = make_vm(f, code, NULL);

	c->poller = pthread_self();
	assert_int_equal(ukvmm_vm_add_device(vm, name, &ops, c, &c->dev, NULL), 0);
	return vm;
}

static void adding_is_checked(void **state)
{
	struct fixture *f = *state;
	struct counted c = { 0 }, other[20] = { 0 };
	struct ukvmm_vm *vm = vm_with(f, guest_exit42, &c, "kv0");
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_device_ops bad = ops;
	struct ukvmm_device *dev;

	assert_int_equal(ukvmm_vm_add_device(vm, "kv0", &ops, &other[0], &dev, &err), -EEXIST);
	assert_string_equal(err.object, "kv0");
	assert_int_equal(other[0].destroys, 1); /* also when add failed */
	bad.queues = 9;
	assert_int_equal(ukvmm_vm_add_device(vm, "kv1", &bad, &other[1], &dev, &err), -EINVAL);
	assert_int_equal(other[1].destroys, 1);
	for (int i = 2; i < 17; i++) {
		char name[8];

		snprintf(name, sizeof name, "d%d", i);
		assert_int_equal(ukvmm_vm_add_device(vm, name, &ops, &other[i], &dev, &err), 0);
	}
	assert_int_equal(ukvmm_vm_add_device(vm, "one more", &ops, &other[17], &dev, &err), -ENOSPC);
	assert_int_equal(other[17].destroys, 1);
	ukvmm_vm_destroy(vm);
	assert_int_equal(c.destroys, 1);
	for (int i = 2; i < 17; i++)
		assert_int_equal(other[i].destroys, 1);
}

static void a_broken_driver_is_told_and_can_reset(void **state)
{
	struct fixture *f = *state;
	struct counted c = { 0 };
	struct ukvmm_vm *vm = vm_with(f, &tiny_code_bad_driver, &c, "kv0");
	struct ukvmm_vm_stats s = { .size = sizeof s };

	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 5); /* the VM lives on */
	assert_int_equal(c.resets, 0);				   /* not on the vCPU's thread */
	assert_int_equal(wait_event(f, UKVMM_EV_DEVICE_BROKEN), 0);
	drain_events(f, UKVMM_EV_STOPPED);
	assert_int_equal(c.resets, 1);
	ukvmm_vm_stats(vm, &s);
	assert_int_equal(s.violations, 1);
	ukvmm_vm_destroy(vm);
}

static void fds_are_watched(void **state)
{
	struct fixture *f = *state;
	struct counted c = { 0 };
	struct ukvmm_vm *vm = vm_with(f, guest_exit42, &c, "kv0");

	c.fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(ukvmm_device_watch(c.dev, c.fd, EPOLLIN, 77), 0);
	drain_events(f, 0);
	assert_int_equal(c.fd_ready, 0);
	eventfd_write(c.fd, 1);
	drain_events(f, 0);
	assert_int_equal(c.fd_ready, 1);
	assert_int_equal(c.tag, 77);
	assert_int_equal(ukvmm_device_watch(c.dev, c.fd, EPOLLIN, 78), 0); /* changed */
	eventfd_write(c.fd, 1);
	drain_events(f, 0);
	assert_int_equal(c.tag, 78);
	assert_int_equal(ukvmm_device_watch(c.dev, c.fd, 0, 0), 0); /* no longer */
	eventfd_write(c.fd, 1);
	drain_events(f, 0);
	assert_int_equal(c.fd_ready, 2);
	assert_int_equal(ukvmm_device_watch(c.dev, c.fd, EPOLLIN, 79), 0);
	ukvmm_vm_destroy(vm); /* and nobody is called any more */
	drain_events(f, 0);
	assert_int_equal(c.fd_ready, 2);
	close(c.fd);
}

/* PAUSED waits for a device that has something in flight. */
static void a_pause_waits_for_devices(void **state)
{
	struct fixture *f = *state;
	struct counted c = { .later = 1 };
	struct ukvmm_vm *vm = vm_with(f, guest_spin, &c, "kv0");

	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	assert_int_equal(drain_events(f, UKVMM_EV_PAUSED), 0);
	assert_int_equal(c.quiesces, 1);
	ukvmm_device_quiet(c.dev);
	assert_int_equal(drain_events(f, UKVMM_EV_PAUSED), 1);
	assert_int_equal(c.quiesces, 1);
	assert_int_equal(ukvmm_vm_resume(vm), 0);
	c.later = 0;
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	assert_int_equal(drain_events(f, UKVMM_EV_PAUSED), 1);
	assert_int_equal(c.quiesces, 2);
	ukvmm_vm_destroy(vm);
}

static void state_goes_with_the_vm(void **state)
{
	struct fixture *f = *state;
	struct counted from = { .value = 0x1122334455667788 }, to = { 0 };
	struct ukvmm_vm *a = vm_with(f, guest_exit42, &from, "kv0"), *b = vm_with(f, guest_exit42, &to, "kv0");
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_state save, load;
	struct ukvmm_vm *vms[] = { a, b };

	for (int i = 0; i < 2; i++) {
		assert_int_equal(ukvmm_vm_seal(vms[i], NULL), 0);
		assert_int_equal(ukvmm_vm_pause(vms[i]), 0);
		wait_event(f, UKVMM_EV_PAUSED);
	}
	state_save_init(&save);
	assert_int_equal(vm_walk(a, &save, &err), 0);
	state_load_init(&load, save.buf, save.len);
	assert_int_equal(vm_walk(b, &load, &err), 0);
	assert_true(to.value == from.value);
	assert_int_equal(load.pos, load.len);
	state_fini(&save);
	assert_int_equal(ukvmm_vm_resume(b), 0);
	assert_int_equal(run_vcpu(vcpu_of(b, 0), NULL).value, 42);
	ukvmm_vm_destroy(a);
	ukvmm_vm_destroy(b);
}

/* A device without save says so by its name. */
static void what_cannot_be_saved_is_named(void **state)
{
	struct fixture *f = *state;
	struct counted c = { 0 };
	struct ukvmm_device_ops no_save = ops;
	struct ukvmm_vm *vm = make_vm(f, guest_exit42, NULL);
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_state save;

	no_save.save = NULL;
	assert_int_equal(ukvmm_vm_add_device(vm, "opaque0", &no_save, &c, &c.dev, NULL), 0);
	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	wait_event(f, UKVMM_EV_PAUSED);
	state_save_init(&save);
	assert_int_equal(vm_walk(vm, &save, &err), -ENOTSUP);
	assert_string_equal(err.object, "opaque0");
	state_fini(&save);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(adding_is_checked),
		fixture_test(a_broken_driver_is_told_and_can_reset),
		fixture_test(fds_are_watched),
		fixture_test(a_pause_waits_for_devices),
		fixture_test(state_goes_with_the_vm),
		fixture_test(what_cannot_be_saved_is_named),
	};

	return FIXTURE_RUN(tests);
}
