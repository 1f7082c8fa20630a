/* SPDX-License-Identifier: Apache-2.0 */
/* Making, configuring, sealing and destroying. */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "console_port.h"
#include "err.h"
#include "export.h"
#include "structs.h"
#include "vm_hvt.h"

enum { CMDLINE_MAX = 64 << 10, TIMERS_PER_VM = 1 /* the board's */ };

static int config_check(const struct ukvmm_vm_config *c, const struct ukvmm_image *image, const char *name,
	struct ukvmm_err *err)
{
	if (!name || !*name || strlen(name) >= sizeof((struct ukvmm_vm *)0)->name)
		return err_set(err, -EINVAL, "ukvmm_vm_new", "vm", "a name has 1 to 47 bytes");
	if (c->flags & ~(UKVMM_VM_PARK_IDLE | UKVMM_VM_HVT_EXEC_DATA) || c->hugepages > UKVMM_HUGEPAGES_OFF ||
		c->kicks > UKVMM_KICKS_EVENTFD)
		return err_set(err, -EINVAL, "ukvmm_vm_new", name, "unknown flag or value in ukvmm_vm_config");
	if (c->flags & UKVMM_VM_HVT_EXEC_DATA && image->boot.protocol != BOOT_HVT)
		return err_set(err, -EINVAL, "ukvmm_vm_new", name,
			"executable data is a choice for Solo5 hvt guests only: others map their memory themselves");
	return 0;
}

static void vm_free(struct ukvmm_vm *vm)
{
	devices_free(vm);
	vm_hvt_fini(vm);
	for (uint32_t i = 0; i < vm->irqs; i++)
		free(vm->irq[i]);
	console_fini(&vm->console);
	console_port_free(vm->port1);
	ukvmm_image_unref(vm->image);
	pthread_mutex_destroy(&vm->lock);
	pthread_mutex_destroy(&vm->board_lock);
	free(vm->vcpu);
	free(vm->cmdline);
	free(vm);
}

static void idle_timer_fire(struct timer *timer)
{
	struct ukvmm_vcpu *vcpu = (void *)((char *)timer - offsetof(struct ukvmm_vcpu, idle_timer));

	vm_wake(vcpu->vm, vcpu->index);
}

static int vcpus_alloc(struct ukvmm_vm *vm)
{
	struct lineage *process = host_process(vm->host, NULL);

	vm->vcpu = calloc(vm->kind.vcpus, sizeof *vm->vcpu);
	if (!vm->vcpu || !process)
		return -ENOMEM;
	for (; vm->vcpus < vm->kind.vcpus; vm->vcpus++) {
		struct ukvmm_vcpu *vcpu = &vm->vcpu[vm->vcpus];

		vcpu->vm = vm;
		vcpu->index = vm->vcpus;
		vcpu->idle_timer.fire = idle_timer_fire;
		vcpu->idle_timer.owner = vm;
		vcpu->kicker = kicker_new(vm->host->kick_signal, process);
		if (!vcpu->kicker)
			return -ENOMEM;
	}
	return 0;
}

static void kickers_free(struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpus; i++)
		ukvmm_kicker_unref(vm->vcpu[i].kicker);
}

static int vm_alloc(struct ukvmm_poller *poller, const char *name, const struct ukvmm_vm_config *c,
	const struct shell_kind *kind, struct ukvmm_vm **out)
{
	struct ukvmm_vm *vm = calloc(1, sizeof *vm);
	int rc;

	if (!vm)
		return -ENOMEM;
	vm->poller = poller;
	vm->host = poller->host;
	vm->config = *c;
	vm->kind = *kind;
	snprintf(vm->name, sizeof vm->name, "%s", name);
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->board_lock, NULL);
	machine_init(vm);
	rc = console_init(&vm->console, c->console_bytes);
	if (!rc)
		rc = vcpus_alloc(vm);
	if (!rc)
		rc = poller_join(poller, vm, TIMERS_PER_VM + vm->vcpus);
	if (rc) {
		kickers_free(vm);
		vm_free(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

UKVMM_API int ukvmm_vm_new(struct ukvmm_poller *poller, const char *name, struct ukvmm_image *image,
	const struct ukvmm_vm_config *config, struct ukvmm_vm **out, struct ukvmm_err *err)
{
	uint64_t created_at = ukvmm_now();
	struct ukvmm_vm_config c;
	struct shell_kind kind;
	struct ukvmm_vm *vm;
	int rc = struct_take(&c, sizeof c, config);

	*out = NULL;
	if (rc)
		return err_set(err, rc, "ukvmm_vm_new", name ? name : "vm", "bad ukvmm_vm_config");
	rc = config_check(&c, image, name, err);
	if (!rc)
		rc = shell_kind_of(poller->host, &c, &kind, err, name);
	if (!rc && image->boot.protocol == BOOT_HVT)
		rc = vm_hvt_kind(&c, &kind, name, err);
	if (rc)
		return rc;
	rc = host_count_vm(poller->host, 1);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_new", name, "the host's max_vms VMs live already");
	rc = vm_alloc(poller, name, &c, &kind, &vm);
	if (rc) {
		host_count_vm(poller->host, -1);
		return err_set(err, rc, "ukvmm_vm_new", name, "%s", strerror(-rc));
	}
	image_ref(image);
	vm->image = image;
	atomic_store(&vm->created_at, created_at);
	if (image->boot.protocol == BOOT_HVT)
		rc = vm_hvt_init(vm, err);
	if (rc) {
		ukvmm_vm_destroy(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

int vm_check_new(struct ukvmm_vm *vm, const char *call, struct ukvmm_err *err)
{
	return vm->state == VM_NEW ? 0 : err_set(err, -EBADFD, call, vm->name, "the VM is sealed already");
}

UKVMM_API int ukvmm_vm_set_cmdline(struct ukvmm_vm *vm, const char *text, struct ukvmm_err *err)
{
	char *copy;
	int rc = vm_check_new(vm, "ukvmm_vm_set_cmdline", err);

	if (rc)
		return rc;
	if (strlen(text) >= CMDLINE_MAX)
		return err_set(err, -E2BIG, "ukvmm_vm_set_cmdline", vm->name, "64 KiB or longer");
	copy = strdup(text);
	if (!copy)
		return err_set(err, -ENOMEM, "strdup", vm->name, "out of memory");
	free(vm->cmdline);
	vm->cmdline = copy;
	return 0;
}

static enum mem_huge huge_of(const struct ukvmm_vm *vm)
{
	switch (vm->config.hugepages) {
	case UKVMM_HUGEPAGES_ON:
		return MEM_HUGE_ON;
	case UKVMM_HUGEPAGES_OFF:
		return MEM_HUGE_OFF;
	}
	/* A small guest touches few pages of each 2 MiB; a big Linux touches most of them. */
	return vm->kind.memory >= 1u << 30 && vm->image->boot.protocol == BOOT_LINUX ? MEM_HUGE_ON : MEM_HUGE_OFF;
}

static int load(struct ukvmm_vm *vm, const struct mem *mem, struct x86_entry *entry, struct ukvmm_err *err)
{
	struct boot_device device[X86_DEVICES];
	struct boot_config b = { .name = vm->name, .image = &vm->image->boot, .module = vm->image->module,
		.modules = vm->image->modules, .cmdline = vm->cmdline, .device = device, .devices = vm->devices,
		.vcpus = vm->vcpus, .doorbell = X86_DOORBELL_BASE, .tsc_khz = vm->host->kvm.tsc_khz,
		.hvt_device = vm->hvt.device, .hvt_exec_data = vm->config.flags & UKVMM_VM_HVT_EXEC_DATA,
		.irqchip = vm->kind.irqchip != KVM_CHIP_NONE };

	for (uint32_t i = 0; i < vm->devices; i++)
		device[i] = (struct boot_device){ X86_VIRTIO_BASE + i * X86_VIRTIO_STRIDE, X86_VIRTIO_STRIDE,
			vm->device[i]->gsi };
	if (getrandom(b.seed, sizeof b.seed, 0) != sizeof b.seed)
		return err_set(err, -EIO, "getrandom", vm->name, "no entropy for the guest");
	return boot_load(&b, mem, entry, err);
}

/* Image and registers. */
static int shell_fill(struct ukvmm_vm *vm, struct shell *shell, struct ukvmm_err *err)
{
	struct x86_entry entry;
	int rc = load(vm, &shell->mem, &entry, err);

	if (!rc && vm_is_hvt(vm))
		rc = vm_hvt_protect(vm, &shell->mem, err);
	return rc ? rc : kvm_vcpu_enter_at(&shell->vcpu[0], &entry, err);
}

UKVMM_API int ukvmm_vm_seal(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	struct shell *shell;
	int rc = vm_check_new(vm, "ukvmm_vm_seal", err);

	if (rc)
		return rc;
	rc = vm_is_hvt(vm) ? vm_hvt_check(vm, err) : devices_kick_fds(vm, err);
	if (rc)
		return rc;
	rc = shell_take(vm->host, &vm->kind, huge_of(vm), vm->name, &shell, err);
	if (rc)
		return rc;
	if (vm->config.hugepages == UKVMM_HUGEPAGES_AUTO && vm->image->boot.dense_from)
		mem_dense(&shell->mem, vm->image->boot.dense_from);
	rc = shell_fill(vm, shell, err);
	if (rc) {
		shell_retire(shell);
		return rc;
	}
	vm->shell = shell;
	vm->ram = shell->mem;
	for (uint32_t i = 0; i < vm->vcpus; i++)
		vm->vcpu[i].kvm = &shell->vcpu[i];
	pthread_mutex_lock(&vm->lock);
	vm->state = VM_SEALED;
	pthread_mutex_unlock(&vm->lock);
	if (vm->config.kicks == UKVMM_KICKS_EVENTFD)
		for (uint32_t i = 0; i < vm->devices; i++)
			device_kick_register(vm->device[i]);
	atomic_store(&vm->sealed_at, ukvmm_now());
	return 0;
}

static uint32_t device_fds(const struct ukvmm_device *d)
{
	uint32_t kick = d->kick_fd >= 0;

	switch (d->kind) {
	case DEVICE_NET:
		return kick + virtio_net_fds(d->ctx);
	case DEVICE_BLK:
		return kick + virtio_blk_fds(d->ctx);
	case DEVICE_VSOCK:
		return kick + virtio_vsock_fds(d->ctx);
	default:
		return kick;
	}
}

UKVMM_API int ukvmm_vm_fds(const struct ukvmm_vm *vm)
{
	uint32_t fds = vm->shell ? 1 + vm->vcpus : 0;

	for (uint32_t i = 0; i < vm->devices; i++)
		fds += device_fds(vm->device[i]);
	if (vm_is_hvt(vm))
		fds += 1 + hvt_fds(vm->hvt.guest);
	return (int)fds;
}

static int leave_poller(struct ukvmm_vm *vm)
{
	struct timer *timers[TIMERS_PER_VM + 64 + X86_DEVICES] = { &vm->board_timer };
	uint32_t n = TIMERS_PER_VM;

	for (uint32_t i = 0; i < vm->vcpus; i++)
		timers[n++] = &vm->vcpu[i].idle_timer;
	for (uint32_t i = 0; i < vm->devices; i++)
		timers[n++] = &vm->device[i]->timer;
	return poller_leave(vm->poller, vm, timers, n);
}

UKVMM_API int ukvmm_vm_destroy(struct ukvmm_vm *vm)
{
	struct ukvmm_host *host;
	bool busy;
	int rc;

	if (!vm)
		return 0;
	host = vm->host;
	pthread_mutex_lock(&vm->lock);
	busy = vm->inside > 0;
	pthread_mutex_unlock(&vm->lock);
	rc = busy ? -EBUSY : leave_poller(vm);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < vm->vcpus; i++)
		if (vm->vcpu[i].timer_tid)
			timer_delete(vm->vcpu[i].timer);
	/* while there is RAM, and a vCPU to interrupt: a device may give back what it holds */
	devices_free(vm);
	kickers_free(vm);
	shell_retire(vm->shell);
	vm_free(vm);
	host_count_vm(host, -1);
	return 0;
}
