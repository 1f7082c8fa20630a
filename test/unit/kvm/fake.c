/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NAME(request) { request, #request }

static const struct {
	unsigned long request;
	const char *name;
} names[] = {
	NAME(KVM_GET_API_VERSION), NAME(KVM_CREATE_VM), NAME(KVM_GET_MSR_INDEX_LIST), NAME(KVM_CHECK_EXTENSION),
	NAME(KVM_GET_VCPU_MMAP_SIZE), NAME(KVM_GET_SUPPORTED_CPUID), NAME(KVM_CREATE_VCPU),
	NAME(KVM_SET_USER_MEMORY_REGION), NAME(KVM_SET_TSS_ADDR), NAME(KVM_SET_IDENTITY_MAP_ADDR),
	NAME(KVM_CREATE_IRQCHIP), NAME(KVM_IRQ_LINE), NAME(KVM_GET_IRQCHIP), NAME(KVM_SET_IRQCHIP),
	NAME(KVM_SET_GSI_ROUTING), NAME(KVM_CREATE_PIT2), NAME(KVM_GET_PIT2), NAME(KVM_SET_PIT2),
	NAME(KVM_GET_CLOCK), NAME(KVM_SET_CLOCK), NAME(KVM_GET_TSC_KHZ), NAME(KVM_SIGNAL_MSI), NAME(KVM_IOEVENTFD), NAME(KVM_RUN),
	NAME(KVM_GET_REGS), NAME(KVM_SET_REGS), NAME(KVM_GET_SREGS), NAME(KVM_SET_SREGS), NAME(KVM_TRANSLATE),
	NAME(KVM_INTERRUPT), NAME(KVM_GET_MSRS), NAME(KVM_SET_MSRS), NAME(KVM_SET_SIGNAL_MASK),
	NAME(KVM_GET_LAPIC), NAME(KVM_SET_LAPIC), NAME(KVM_SET_CPUID2), NAME(KVM_GET_MP_STATE),
	NAME(KVM_SET_MP_STATE), NAME(KVM_GET_VCPU_EVENTS), NAME(KVM_SET_VCPU_EVENTS), NAME(KVM_GET_DEBUGREGS),
	NAME(KVM_SET_DEBUGREGS), NAME(KVM_ENABLE_CAP), NAME(KVM_GET_XSAVE), NAME(KVM_GET_XSAVE2),
	NAME(KVM_SET_XSAVE), NAME(KVM_GET_XCRS), NAME(KVM_SET_XCRS),
};

const char *fake_name(unsigned long request)
{
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].request == request)
			return names[i].name;
	return "an ioctl without a name";
}

/* Counts a call; true: it is the one to fail. */
static bool fails(struct fake_kvm *fake, const char *name, unsigned long request)
{
	fake->calls++;
	if (!fake->fail_at || (fake->fail_request && fake->fail_request != request))
		return false;
	if (--fake->fail_at)
		return false;
	fake->failed_call = name;
	return true;
}

int fake_new_fd(struct fake_kvm *fake, enum fake_kind kind, void *object)
{
	for (int i = 0; i < FAKE_FDS; i++) {
		if (fake->fd[i].kind != FAKE_FREE)
			continue;
		fake->fd[i].kind = kind;
		fake->fd[i].vm = object;
		fake->live_fds++;
		return FAKE_FD_BASE + i;
	}
	return -EMFILE;
}

static int slot_of(const struct fake_kvm *fake, int fd, enum fake_kind kind)
{
	int i = fd - FAKE_FD_BASE;

	if (i < 0 || i >= FAKE_FDS || fake->fd[i].kind != kind)
		abort(); /* a descriptor that was closed, or is another thing */
	return i;
}

struct fake_vm *fake_vm(struct fake_kvm *fake, int fd)
{
	return fake->fd[slot_of(fake, fd, FAKE_VM)].vm;
}

struct fake_vcpu *fake_vcpu(struct fake_kvm *fake, int fd)
{
	return fake->fd[slot_of(fake, fd, FAKE_VCPU)].vcpu;
}

static int fake_open(void *ctx, const char *path)
{
	struct fake_kvm *fake = ctx;
	int fd;

	(void)path;
	pthread_mutex_lock(&fake->lock);
	fd = fails(fake, "open", 0) ? -fake->fail_errno : fake_new_fd(fake, FAKE_DEV, NULL);
	pthread_mutex_unlock(&fake->lock);
	return fd;
}

static int fake_dup(void *ctx, int fd)
{
	struct fake_kvm *fake = ctx;
	int copy;

	(void)fd;
	pthread_mutex_lock(&fake->lock);
	copy = fails(fake, "dup", 0) ? -fake->fail_errno : fake_new_fd(fake, FAKE_DEV, NULL);
	pthread_mutex_unlock(&fake->lock);
	return copy;
}

static int run_vcpu(struct fake_kvm *fake, struct fake_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_sync_regs *sync = &run->s.regs;

	if (run->kvm_dirty_regs & KVM_SYNC_X86_REGS)
		vcpu->regs = sync->regs;
	if (run->kvm_dirty_regs & KVM_SYNC_X86_SREGS)
		vcpu->sregs = sync->sregs;
	run->kvm_dirty_regs = 0;
	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_RELAXED))
		return -EINTR;
	vcpu->pending_extint = -1;
	if (fake->run)
		return fake->run(fake->run_arg, vcpu, run);
	run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

static int dispatch(struct fake_kvm *fake, int fd, unsigned long request, uintptr_t arg)
{
	int i = fd - FAKE_FD_BASE;

	if (i < 0 || i >= FAKE_FDS)
		return -EBADF;
	switch (fake->fd[i].kind) {
	case FAKE_DEV:
		return fake_dev_ioctl(fake, request, arg);
	case FAKE_VM:
		return fake_vm_ioctl(fake, fake->fd[i].vm, request, arg);
	case FAKE_VCPU:
		return fake_vcpu_ioctl(fake, fake->fd[i].vcpu, request, (void *)arg);
	case FAKE_FREE:
		break;
	}
	return -EBADF;
}

static int fake_ioctl(void *ctx, int fd, unsigned long request, uintptr_t arg)
{
	struct fake_kvm *fake = ctx;
	struct fake_vcpu *vcpu = NULL;
	int rc;

	pthread_mutex_lock(&fake->lock);
	fake->request[fake->requests++ % FAKE_CALLS] = request;
	if (fails(fake, fake_name(request), request))
		rc = -fake->fail_errno;
	else if (request == KVM_RUN)
		rc = 0, vcpu = fake_vcpu(fake, fd);
	else
		rc = dispatch(fake, fd, request, arg);
	pthread_mutex_unlock(&fake->lock);
	return vcpu ? run_vcpu(fake, vcpu) : rc;
}

static int fake_mmap(void *ctx, int fd, size_t len, void **out)
{
	struct fake_kvm *fake = ctx;
	void *p;
	int rc = 0;

	pthread_mutex_lock(&fake->lock);
	if (fails(fake, "mmap", 0))
		rc = -fake->fail_errno;
	else {
		/* pages of their own, so that a use after munmap is seen */
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			abort();
		fake_vcpu(fake, fd)->run = p;
		fake->live_maps++;
		*out = p;
	}
	pthread_mutex_unlock(&fake->lock);
	return rc;
}

static void fake_munmap(void *ctx, void *p, size_t len)
{
	struct fake_kvm *fake = ctx;

	pthread_mutex_lock(&fake->lock);
	munmap(p, len);
	fake->live_maps--;
	pthread_mutex_unlock(&fake->lock);
}

static void fake_close(void *ctx, int fd)
{
	struct fake_kvm *fake = ctx;
	int i = fd - FAKE_FD_BASE;

	pthread_mutex_lock(&fake->lock);
	if (i < 0 || i >= FAKE_FDS || fake->fd[i].kind == FAKE_FREE)
		abort(); /* closed twice, or never opened */
	if (fake->fd[i].kind == FAKE_VM)
		free(fake->fd[i].vm);
	if (fake->fd[i].kind == FAKE_VCPU)
		free(fake->fd[i].vcpu);
	fake->fd[i].kind = FAKE_FREE;
	fake->live_fds--;
	pthread_mutex_unlock(&fake->lock);
}

/* Intel's leaves, all that lib/kvm changes, with values that it must not leave. */
static const struct kvm_cpuid_entry2 intel[] = {
	{ .function = 0, .eax = 0x1f, .ebx = 0x756e6547, .edx = 0x49656e69, .ecx = 0x6c65746e },
	{ .function = 1, .eax = 0x50657, .ebx = 0x2a400800, .ecx = 0x1 | 1u << 5 | 1u << 21, .edx = 0x1fabfbff },
	{ .function = 4, .index = 0, .flags = 1, .eax = 0x3c004121, .ebx = 0x1c0003f, .ecx = 0x3f },
	{ .function = 4, .index = 1, .flags = 1, .eax = 0x3c07c163, .ebx = 0x280003f, .ecx = 0x7fff },
	{ .function = 4, .index = 2, .flags = 1, .eax = 0x3c004143, .ebx = 0x3c0003f, .ecx = 0x3ff },
	{ .function = 4, .index = 3, .flags = 1 },
	{ .function = 7, .index = 0, .flags = 1, .ebx = 0x9c27ab },
	{ .function = 0xb, .index = 0, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 7 },
	{ .function = 0xb, .index = 1, .flags = 1, .eax = 4, .ebx = 16, .ecx = 0x201, .edx = 7 },
	{ .function = 0x1f, .index = 0, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 7 },
	{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b, .ecx = 0x564b4d56,
		.edx = 0x4d },
	{ .function = 0x40000001, .eax = 0x1007efb },
	{ .function = 0x80000000, .eax = 0x80000008 },
	{ .function = 0x80000001, .ecx = 0x121, .edx = 0x2c100800 },
	{ .function = 0x80000008, .eax = 0x302e },
};

void fake_init(struct fake_kvm *fake)
{
	memset(fake, 0, sizeof *fake);
	pthread_mutex_init(&fake->lock, NULL);
	fake->sys = (struct kvm_sys){
		.open = fake_open,
		.dup = fake_dup,
		.ioctl = fake_ioctl,
		.mmap = fake_mmap,
		.munmap = fake_munmap,
		.close = fake_close,
		.ctx = fake,
	};
	fake->api_version = KVM_API_VERSION;
	fake->tsc_khz = 2000000;
	memcpy(fake->cpuid, intel, sizeof intel);
	fake->cpuids = sizeof intel / sizeof intel[0];
}

void fake_fini(struct fake_kvm *fake)
{
	for (int i = 0; i < FAKE_FDS; i++)
		if (fake->fd[i].kind != FAKE_FREE)
			fake_close(fake, FAKE_FD_BASE + i);
	pthread_mutex_destroy(&fake->lock);
}

void fake_set_cap(struct fake_kvm *fake, unsigned long cap, int value)
{
	if (fake->caps == FAKE_CAPS)
		abort();
	fake->cap[fake->caps].cap = cap;
	fake->cap[fake->caps++].value = value;
}

uint32_t fake_count(const struct fake_kvm *fake, unsigned long request)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < fake->requests && i < FAKE_CALLS; i++)
		n += fake->request[i] == request;
	return n;
}

uint32_t fake_first(const struct fake_kvm *fake, unsigned long request)
{
	for (uint32_t i = 0; i < fake->requests && i < FAKE_CALLS; i++)
		if (fake->request[i] == request)
			return i + 1;
	return 0;
}
