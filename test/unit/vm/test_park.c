/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU that is about to park, and those who wake it at that very moment: the fake KVM's ioctls are where they come. */
#include "../kvm/test.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "doorbell.h"
#include "fake.h"
#include "host.h"
#include "tiny.h"
#include "vm.h"

enum { EXIT_PORT = 0x501, STATUS = 7, DATA = 4096, VECTOR = 0x40, SPIV_ENABLED = 0x1ff, DIVIDE_BY_1 = 0xb };
enum { APIC_SPIV = 0xf0, APIC_IRR = 0x200, APIC_LVTT = 0x320, APIC_TIMER_INITIAL = 0x380, APIC_TIMER_DIVIDE = 0x3e0 };

TINY_CODE(nothing, "hlt");

struct place {
	struct fake_kvm fake;
	struct kvm_sys sys; /* the fake's, and `looked` before it answers */
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_vm *vm;
	struct ukvmm_vcpu *vcpu;
	uint32_t entered;
	uint32_t late, early; /* wakers still to come: whose interrupt was handled before, whose is there now */
};

/* Rings the doorbell for idle; when it is entered after that, ends with a status. */
static int guest(void *arg, struct fake_vcpu *vcpu, struct kvm_run *run)
{
	struct place *p = arg;

	(void)vcpu;
	if (p->entered++ == 0) {
		run->exit_reason = KVM_EXIT_MMIO;
		run->mmio.phys_addr = X86_DOORBELL_BASE + DOORBELL_IDLE;
		run->mmio.len = 4;
		run->mmio.is_write = 1;
		memset(run->mmio.data, 0, sizeof run->mmio.data);
		return 0;
	}
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.port = EXIT_PORT;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = DATA;
	((uint8_t *)run)[DATA] = STATUS;
	return 0;
}

static void set_apic(struct place *p, uint32_t reg, uint32_t value)
{
	memcpy(fake_vcpu(&p->fake, p->vcpu->kvm->fd)->lapic.regs + reg, &value, sizeof value);
}

static void interrupt(struct place *p)
{
	set_apic(p, APIC_IRR + VECTOR / 32 * 0x10, 1u << VECTOR % 32);
	vm_wake(p->vm, 0);
}

/* The vCPU has looked at its LAPIC, and looks at its events: last chance for a waker. */
static int looked(void *ctx, int fd, unsigned long request, uintptr_t arg)
{
	struct place *p = ctx;

	if (request == KVM_GET_VCPU_EVENTS && p->early) {
		p->early--;
		interrupt(p);
	} else if (request == KVM_GET_VCPU_EVENTS && p->late) {
		p->late--;
		vm_wake(p->vm, 0);
	}
	return p->fake.sys.ioctl(&p->fake, fd, request, arg);
}

static int p_open(void *ctx, const char *path)
{
	struct place *p = ctx;

	return p->fake.sys.open(&p->fake, path);
}

static int p_dup(void *ctx, int fd)
{
	struct place *p = ctx;

	return p->fake.sys.dup(&p->fake, fd);
}

static int p_mmap(void *ctx, int fd, size_t len, void **out)
{
	struct place *p = ctx;

	return p->fake.sys.mmap(&p->fake, fd, len, out);
}

static void p_munmap(void *ctx, void *at, size_t len)
{
	struct place *p = ctx;

	p->fake.sys.munmap(&p->fake, at, len);
}

static void p_close(void *ctx, int fd)
{
	struct place *p = ctx;

	p->fake.sys.close(&p->fake, fd);
}

static int setup(void **state)
{
	static struct place p;
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = 4 << 20, .flags = UKVMM_VM_PARK_IDLE };
	struct ukvmm_image *image;
	int fd = tiny_image(&tiny_code_nothing);

	memset(&p, 0, sizeof p);
	fake_init(&p.fake);
	p.fake.run = guest;
	p.fake.run_arg = &p;
	p.sys = (struct kvm_sys){ p_open, p_dup, looked, p_mmap, p_munmap, p_close, &p };
	assert_int_equal(host_open_on(&p.host, &p.sys, -1, NULL, NULL), 0);
	assert_int_equal(ukvmm_poller_new(p.host, &p.poller, NULL), 0);
	assert_int_equal(ukvmm_image_open(p.host, fd, -1, NULL, &image, NULL), 0);
	close(fd);
	assert_int_equal(ukvmm_vm_new(p.poller, "vm", image, &config, &p.vm, NULL), 0);
	ukvmm_image_unref(image);
	assert_int_equal(ukvmm_vm_seal(p.vm, NULL), 0);
	assert_int_equal(ukvmm_vm_vcpu(p.vm, 0, &p.vcpu), 0);
	set_apic(&p, APIC_SPIV, SPIV_ENABLED);
	*state = &p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	assert_int_equal(ukvmm_vm_destroy(p->vm), 0);
	assert_int_equal(ukvmm_poller_free(p->poller), 0);
	assert_int_equal(ukvmm_host_close(p->host), 0);
	fake_fini(&p->fake);
	return 0;
}

static struct ukvmm_stop run(struct place *p)
{
	struct ukvmm_stop stop = { .size = sizeof stop };

	assert_int_equal(ukvmm_vcpu_run(p->vcpu, NULL, &stop, NULL), 0);
	return stop;
}

/* How many RUNNABLE are there for the embedder. */
static int runnable(struct place *p)
{
	struct ukvmm_event ev[4];
	int n = ukvmm_poller_run(p->poller, ev, 4, 0), found = 0;

	for (int i = 0; i < n; i++)
		found += ev[i].type == UKVMM_EV_RUNNABLE;
	return found;
}

static void nothing_to_do_parks(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p).reason, UKVMM_STOP_IDLE);
	assert_int_equal(p->entered, 1);
	interrupt(p);
	vm_wake(p->vm, 0);
	assert_int_equal(runnable(p), 1);
	assert_int_equal(run(p).value, STATUS);
}

/* The guest has handled its interrupt already when its sender says that there is one: entered, it would halt in KVM and keep
 * its thread. */
static void a_late_waker_does_not_keep_it_from_parking(void **state)
{
	struct place *p = *state;

	p->late = 3;
	assert_int_equal(run(p).reason, UKVMM_STOP_IDLE);
	assert_int_equal(p->late, 0);
	assert_int_equal(p->entered, 1);
	assert_int_equal(runnable(p), 0);
	interrupt(p);
	assert_int_equal(runnable(p), 1);
	assert_int_equal(run(p).value, STATUS);
}

/* The same, a little later. */
static void a_later_waker_does_not_make_it_halt(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p).reason, UKVMM_STOP_IDLE);
	for (int i = 0; i < 3; i++) {
		vm_wake(p->vm, 0);
		assert_int_equal(runnable(p), 1);
		assert_int_equal(run(p).reason, UKVMM_STOP_IDLE);
		assert_int_equal(p->entered, 1);
	}
	interrupt(p);
	assert_int_equal(runnable(p), 1);
	assert_int_equal(run(p).value, STATUS);
}

/* KVM turns a timer that has run out into an interrupt when the guest is entered, not before: it is. */
static void a_timer_is_taken_at_its_word(void **state)
{
	struct place *p = *state;
	struct pollfd fd = { .fd = ukvmm_poller_fd(p->poller), .events = POLLIN };
	struct ukvmm_stop stop;
	int woken = 0;

	set_apic(p, APIC_LVTT, VECTOR);
	set_apic(p, APIC_TIMER_INITIAL, 1000);
	set_apic(p, APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	stop = run(p);
	assert_int_equal(stop.reason, UKVMM_STOP_IDLE);
	assert_true(stop.value > 0);
	while (!(woken = runnable(p)))
		assert_int_equal(poll(&fd, 1, 100000), 1);
	assert_int_equal(woken, 1);
	assert_int_equal(run(p).value, STATUS);
}

static void an_interrupt_at_the_last_moment_is_not_slept_over(void **state)
{
	struct place *p = *state;

	p->early = 1;
	assert_int_equal(run(p).value, STATUS);
	assert_int_equal(p->entered, 2);
	assert_int_equal(runnable(p), 0);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(nothing_to_do_parks),
		ROW(a_late_waker_does_not_keep_it_from_parking),
		ROW(a_later_waker_does_not_make_it_halt),
		ROW(a_timer_is_taken_at_its_word),
		ROW(an_interrupt_at_the_last_moment_is_not_slept_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
