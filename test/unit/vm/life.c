/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/x86.h>

#include "host.h"
#include "tiny.h"
#include "vm.h"

TINY_CODE(nothing, "hlt");

enum { STATUS = 42, EXIT_PORT = 0x501, MEMORY = 4 << 20, DATA = 4096 };

const struct life_kind life_kinds[] = {
	{ .name = "split", .vcpus = 1, .irqchip = UKVMM_X86_IRQCHIP_SPLIT },
	{ .name = "split, 4 vCPUs", .vcpus = 4, .irqchip = UKVMM_X86_IRQCHIP_SPLIT, .dup_fd = true },
	{ .name = "split, without synced registers", .vcpus = 1, .irqchip = UKVMM_X86_IRQCHIP_SPLIT,
		.no_sync_regs = true },
	{ .name = "full, 2 vCPUs", .vcpus = 2, .irqchip = UKVMM_X86_IRQCHIP_FULL },
	{ .name = "none", .vcpus = 1, .irqchip = UKVMM_X86_IRQCHIP_NONE },
	{ .name = "split, 2 vCPUs, pooled", .vcpus = 2, .irqchip = UKVMM_X86_IRQCHIP_SPLIT, .shells = 3 },
	{ .name = "full, pooled", .vcpus = 1, .irqchip = UKVMM_X86_IRQCHIP_FULL, .shells = 1 },
};
const uint32_t life_kinds_len = sizeof life_kinds / sizeof life_kinds[0];

static __thread int in_fake;

bool life_in_fake(void)
{
	return in_fake > 0;
}

static struct fake_kvm *fake_of(void *ctx)
{
	return &((struct life *)ctx)->fake;
}

#define INSIDE(type, expr) (in_fake++, ({ type v_ = (expr); in_fake--; v_; }))

static int life_open(void *ctx, const char *path)
{
	return INSIDE(int, fake_of(ctx)->sys.open(fake_of(ctx), path));
}

static int life_dup(void *ctx, int fd)
{
	return INSIDE(int, fake_of(ctx)->sys.dup(fake_of(ctx), fd));
}

static int life_ioctl(void *ctx, int fd, unsigned long request, uintptr_t arg)
{
	return INSIDE(int, fake_of(ctx)->sys.ioctl(fake_of(ctx), fd, request, arg));
}

static int life_mmap(void *ctx, int fd, size_t len, void **out)
{
	return INSIDE(int, fake_of(ctx)->sys.mmap(fake_of(ctx), fd, len, out));
}

static void life_munmap(void *ctx, void *p, size_t len)
{
	fake_of(ctx)->sys.munmap(fake_of(ctx), p, len);
}

static void life_close(void *ctx, int fd)
{
	fake_of(ctx)->sys.close(fake_of(ctx), fd);
}

/* vCPU 0 writes its status to the exit port; the others were never started. */
static int guest(void *arg, struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)arg;
	if (vcpu->index)
		return -EAGAIN;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.port = EXIT_PORT;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = DATA;
	((uint8_t *)run)[DATA] = STATUS;
	return 0;
}

void life_init(struct life *l, const struct life_kind *kind)
{
	memset(l, 0, sizeof *l);
	l->kind = kind;
	l->image_fd = tiny_image(&tiny_code_nothing);
	assert_true(l->image_fd >= 0);
	fake_init(&l->fake);
	l->fake.run = guest;
	l->fake.fail_errno = EIO;
	if (kind->no_sync_regs)
		fake_set_cap(&l->fake, KVM_CAP_SYNC_REGS, 0);
	l->sys = (struct kvm_sys){ life_open, life_dup, life_ioctl, life_mmap, life_munmap, life_close, l };
}

void life_fini(struct life *l)
{
	fake_fini(&l->fake);
	close(l->image_fd);
}

/* Takes the result of a call; true: it failed, as a call should. */
static bool failed(struct life *l, int rc, const struct ukvmm_err *err)
{
	if (rc >= 0)
		return false;
	assert_int_equal(err->code, rc);
	assert_true(err->call[0] && err->object[0] && err->text[0]);
	if (!l->failures++) {
		l->rc = rc;
		l->err = *err;
	}
	if (l->failures > 1)
		fail_msg("%s: failed again: %s(%s): %s", l->kind->name, err->call, err->object, err->text);
	return true;
}

/* Does a call, with faults on, until it works: once more at most. */
#define TRY(l, call)                                                           \
	do {                                                                   \
		struct ukvmm_err err = { .size = sizeof err };                 \
		int rc_;                                                       \
                                                                               \
		faults(l, true);                                               \
		rc_ = (call);                                                  \
		faults(l, false);                                              \
		if (!failed(l, rc_, &err))                                     \
			break;                                                 \
	} while (1)

static void faults(const struct life *l, bool on)
{
	if (l->faults)
		l->faults(on);
}

static void make(struct life *l)
{
	struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = l->kind->irqchip };
	struct ukvmm_vm_config c = { .size = sizeof c, .memory = MEMORY, .vcpus = l->kind->vcpus, .x86 = &x86 };
	struct ukvmm_vcpu *vcpu;

	TRY(l, host_open_on(&l->host, &l->sys, l->kind->dup_fd ? l->image_fd : -1, NULL, &err));
	TRY(l, ukvmm_poller_new(l->host, &l->poller, &err));
	TRY(l, ukvmm_image_open(l->host, l->image_fd, l->image_fd, NULL, &l->image, &err));
	if (l->kind->shells)
		TRY(l, ukvmm_host_prepare(l->host, &c, l->kind->shells, &err));
	TRY(l, ukvmm_vm_new(l->poller, "vm", l->image, &c, &l->vm, &err));
	TRY(l, ukvmm_vm_set_cmdline(l->vm, "quiet", &err));
	assert_int_equal(ukvmm_vm_vcpu(l->vm, 0, &vcpu), -EBADFD);
	TRY(l, ukvmm_vm_seal(l->vm, &err));
	assert_int_equal(ukvmm_vm_fds(l->vm), 1 + (int)l->kind->vcpus);
}

static bool event(struct life *l, uint32_t type)
{
	struct ukvmm_event ev;

	for (int i = 0; i < 100; i++)
		if (ukvmm_poller_run(l->poller, &ev, 1, 0) == 1 && ev.type == type)
			return true;
	return false;
}

static int walk(struct life *l, struct ukvmm_state *s, struct ukvmm_err *err)
{
	return vm_walk(l->vm, s, err);
}

/* One attempt to save, or to load what was saved. */
static int save(struct life *l, struct ukvmm_state *s, struct ukvmm_err *err)
{
	state_fini(s);
	state_save_init(s);
	return walk(l, s, err);
}

static int load(struct life *l, const struct ukvmm_state *saved, struct ukvmm_err *err)
{
	struct ukvmm_state s;

	state_load_init(&s, saved->buf, saved->len);
	return walk(l, &s, err);
}

/* Saved and loaded again where it stands. */
static void walk_there_and_back(struct life *l)
{
	struct ukvmm_state s = { 0 };

	assert_int_equal(ukvmm_vm_pause(l->vm), 0);
	assert_true(event(l, UKVMM_EV_PAUSED));
	TRY(l, save(l, &s, &err));
	TRY(l, load(l, &s, &err));
	state_fini(&s);
	assert_int_equal(ukvmm_vm_resume(l->vm), 0);
}

/* A run that fails is the vCPU's last. Returns whether it ended with the guest's status. */
static bool run_one(struct life *l, uint32_t index)
{
	const struct ukvmm_limits limits = { .size = sizeof limits, .slice_ns = 60000000000 };
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vcpu *vcpu;
	int rc;

	assert_int_equal(ukvmm_vm_vcpu(l->vm, index, &vcpu), 0);
	faults(l, true);
	rc = ukvmm_vcpu_run(vcpu, &limits, &stop, &err);
	faults(l, false);
	assert_int_equal(ukvmm_vcpu_run(vcpu, &limits, &(struct ukvmm_stop){ .size = sizeof stop }, NULL), -EBADFD);
	if (failed(l, rc, &err))
		return false;
	if (index) {
		assert_int_equal(stop.reason, UKVMM_STOP_STOPPED);
		return false;
	}
	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(stop.value, STATUS);
	return true;
}

static void run(struct life *l)
{
	uint32_t before = l->failures;
	bool ended = run_one(l, 0);

	assert_true(ended || l->failures == before + 1);
	for (uint32_t i = 1; i < l->kind->vcpus; i++)
		run_one(l, i);
	assert_true(event(l, UKVMM_EV_STOPPED));
}

static void unmake(struct life *l)
{
	assert_int_equal(ukvmm_host_close(l->host), -EBUSY);
	assert_int_equal(ukvmm_vm_destroy(l->vm), 0);
	ukvmm_image_unref(l->image);
	assert_int_equal(ukvmm_poller_free(l->poller), 0);
	ukvmm_host_work(l->host, 1); /* until long ago: what waits now */
	assert_int_equal(ukvmm_host_close(l->host), 0);
}

void life_run(struct life *l)
{
	make(l);
	walk_there_and_back(l);
	run(l);
	unmake(l);
	assert_int_equal(l->fake.live_fds, 0);
	assert_int_equal(l->fake.live_maps, 0);
}
