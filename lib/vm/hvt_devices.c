/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching devices to a Solo5 guest's manifest. */
#include "vm_hvt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include "err.h"
#include "fd.h"
#include "structs.h"

enum { MTU_DEFAULT = 1500 };

int vm_hvt_kind(const struct ukvmm_vm_config *config, struct shell_kind *kind, const char *name, struct ukvmm_err *err)
{
	struct ukvmm_x86_config x86;
	int rc = struct_take(&x86, sizeof x86, config->x86);

	if (rc || (x86.irqchip != UKVMM_X86_IRQCHIP_AUTO && x86.irqchip != UKVMM_X86_IRQCHIP_NONE))
		return err_set(err, -EINVAL, "ukvmm_vm_new", name, "a Solo5 hvt guest has no interrupt chip");
	if (kind->vcpus != 1)
		return err_set(err, -EINVAL, "ukvmm_vm_new", name, "a Solo5 hvt guest has one vCPU, not %u", kind->vcpus);
	kind->irqchip = KVM_CHIP_NONE;
	return 0;
}

static uint64_t now(void *ctx)
{
	return vm_clock(ctx);
}

static const struct hvt_host host = { .output = vm_output, .now = now };

int vm_hvt_init(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	sigset_t kick;
	int rc;

	vm->hvt.signals = -1;
	vm->hvt.device = calloc(BOOT_HVT_ENTRIES, sizeof *vm->hvt.device);
	rc = vm->hvt.device ? hvt_new(&vm->hvt.guest, &vm->ram, &host, vm) : -ENOMEM;
	if (rc)
		return err_set(err, rc, "calloc", vm->name, "out of memory");
	sigemptyset(&kick);
	sigaddset(&kick, vm->host->kick_signal);
	vm->hvt.signals = signalfd(-1, &kick, SFD_CLOEXEC | SFD_NONBLOCK);
	if (vm->hvt.signals < 0)
		return err_set(err, -errno, "signalfd", vm->name, "%s", strerror(errno));
	return 0;
}

void vm_hvt_fini(struct ukvmm_vm *vm)
{
	if (!vm->hvt.device)
		return;
	hvt_free(vm->hvt.guest);
	free(vm->hvt.device);
	fd_close(vm->hvt.signals);
}

static const char *type_name(enum boot_hvt_type type)
{
	return type == BOOT_HVT_NET ? "network card" : "disk";
}

/* "a disk storage, a network card service" */
static void list(const struct ukvmm_vm *vm, char *text, size_t room)
{
	size_t at = 0;

	snprintf(text, room, "nothing");
	for (uint32_t i = 1; i < vm->image->boot.hvt_entries && at < room; i++) {
		struct boot_hvt_entry e;

		boot_hvt_entry(&vm->image->boot, i, &e);
		at += (size_t)snprintf(text + at, room - at, "%sa %s %s", at ? ", " : "", type_name(e.type), e.name);
	}
}

/* 0: not there; the manifest's first entry is never a device. */
static uint32_t find(const struct ukvmm_vm *vm, const char *dev, enum boot_hvt_type type)
{
	for (uint32_t i = 1; i < vm->image->boot.hvt_entries; i++) {
		struct boot_hvt_entry e;

		boot_hvt_entry(&vm->image->boot, i, &e);
		if (e.type == type && !strcmp(e.name, dev))
			return i;
	}
	return 0;
}

int vm_hvt_handle(struct ukvmm_vm *vm, const char *dev, enum boot_hvt_type type, const char *call, uint32_t *handle,
	struct ukvmm_err *err)
{
	char there[160];

	*handle = dev ? find(vm, dev, type) : 0;
	if (*handle && hvt_attached(vm->hvt.guest, *handle))
		return err_set(err, -EEXIST, call, dev, "the VM has a device of this name");
	if (*handle)
		return 0;
	list(vm, there, sizeof there);
	return err_set(err, -ENODEV, call, dev ? dev : vm->name,
		"the Solo5 guest's manifest has no %s of this name; it asks for %s", type_name(type), there);
}

static int mac_choose(uint8_t mac[HVT_MAC], const uint8_t *wanted)
{
	static const uint8_t none[HVT_MAC];

	memcpy(mac, wanted, HVT_MAC);
	if (memcmp(wanted, none, HVT_MAC))
		return 0;
	if (getrandom(mac, HVT_MAC, 0) != HVT_MAC)
		return -EIO;
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2); /* one station's, locally administered */
	return 0;
}

int vm_hvt_add_net(struct ukvmm_vm *vm, uint32_t handle, struct net_backend *backend,
	const struct ukvmm_net_config *c)
{
	struct boot_hvt_device *d = &vm->hvt.device[handle];
	int rc = mac_choose(d->mac, c->mac);

	if (rc) {
		backend->ops->close(backend);
		return rc;
	}
	d->mtu = (uint16_t)(c->mtu ? c->mtu : MTU_DEFAULT);
	rc = hvt_add_net(vm->hvt.guest, handle, backend, d->mac, c->flags & UKVMM_NET_ANY_MAC);
	if (!rc && c->rx)
		rc = hvt_set_rate(vm->hvt.guest, handle, UKVMM_RATE_RX, c->rx);
	if (!rc && c->tx)
		rc = hvt_set_rate(vm->hvt.guest, handle, UKVMM_RATE_TX, c->tx);
	return rc;
}

int vm_hvt_add_blk(struct ukvmm_vm *vm, uint32_t handle, struct block_backend *backend,
	const struct ukvmm_blk_config *c)
{
	struct boot_hvt_device *d = &vm->hvt.device[handle];
	uint32_t sector = c->block_bytes ? c->block_bytes : BLOCK_SECTOR;
	int rc;

	if (backend->bytes % sector) {
		backend->ops->close(backend);
		return -EINVAL;
	}
	d->capacity = backend->bytes;
	d->block_size = (uint16_t)sector;
	rc = hvt_add_block(vm->hvt.guest, handle, backend, c->flags & UKVMM_BLK_WRITETHROUGH ? BLOCK_SYNC : 0, sector);
	if (!rc && c->rate)
		rc = hvt_set_rate(vm->hvt.guest, handle, UKVMM_RATE_ALL, c->rate);
	return rc;
}

/* A call that the old limit holds back is looked at anew. */
static void poke(struct ukvmm_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	if (vm->state != VM_NEW && vm->vcpu[0].inside)
		kicker_poke(vm->vcpu[0].kicker);
	pthread_mutex_unlock(&vm->lock);
}

int vm_hvt_rate(struct ukvmm_vm *vm, const char *dev, uint32_t direction, const struct ukvmm_rate *rate)
{
	uint32_t net = find(vm, dev, BOOT_HVT_NET), handle = net ? net : find(vm, dev, BOOT_HVT_BLOCK);
	int rc;

	if (!handle || !hvt_attached(vm->hvt.guest, handle))
		return -ENODEV;
	rc = hvt_set_rate(vm->hvt.guest, handle, direction, rate);
	if (!rc)
		poke(vm);
	return rc;
}

int vm_hvt_rebind(struct ukvmm_vm *vm, const char *dev, int fd)
{
	uint32_t net = find(vm, dev, BOOT_HVT_NET), handle = net ? net : find(vm, dev, BOOT_HVT_BLOCK);

	return handle ? hvt_rebind(vm->hvt.guest, handle, fd) : -ENODEV;
}

int vm_hvt_protect(struct ukvmm_vm *vm, struct mem *mem, struct ukvmm_err *err)
{
	const struct boot_image *image = &vm->image->boot;

	for (uint32_t i = 0; i < image->segments; i++) {
		uint64_t gpa, len;
		int rc;

		if (!boot_hvt_read_only(image, i, &gpa, &len))
			continue;
		rc = mem_protect(mem, gpa, len);
		if (!rc)
			rc = hvt_protect(vm->hvt.guest, gpa, len);
		if (rc)
			return err_set(err, rc, "mprotect", vm->name, "%s", strerror(-rc));
	}
	return 0;
}

int vm_hvt_check(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	for (uint32_t i = 1; i < vm->image->boot.hvt_entries; i++) {
		struct boot_hvt_entry e;

		if (hvt_attached(vm->hvt.guest, i))
			continue;
		boot_hvt_entry(&vm->image->boot, i, &e);
		return err_set(err, -ENODEV, "ukvmm_vm_seal", vm->name,
			"the Solo5 guest's manifest asks for a %s named %s, which was not given", type_name(e.type), e.name);
	}
	return 0;
}
