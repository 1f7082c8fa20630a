/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM whose image is a Solo5 hvt guest: no interrupt chip, no virtio, no board; its devices are those of the image's
 * manifest, attached by name as they are added. A poll of the guest is waited for on the vCPU's thread, outside of
 * KVM_RUN; the kick signal, which is blocked there, ends it through a signalfd.
 */
#ifndef VM_VM_HVT_H
#define VM_VM_HVT_H

#include <ukvmm/devices.h>

#include "hvt.h"
#include "vcpu_run.h"

static inline bool vm_is_hvt(const struct ukvmm_vm *vm)
{
	return vm->hvt.guest != NULL;
}

/* Such a VM's kind, from its configuration. */
int vm_hvt_kind(const struct ukvmm_vm_config *config, struct shell_kind *kind, const char *name, struct ukvmm_err *err);
int vm_hvt_init(struct ukvmm_vm *vm, struct ukvmm_err *err);
void vm_hvt_fini(struct ukvmm_vm *vm);

/* The manifest's device of this name and type. -ENODEV: none, the error names what there is; -EEXIST. */
int vm_hvt_handle(struct ukvmm_vm *vm, const char *dev, enum boot_hvt_type type, const char *call, uint32_t *handle,
	struct ukvmm_err *err);
/* The back end is taken over, also on failure. */
int vm_hvt_add_net(struct ukvmm_vm *vm, uint32_t handle, struct net_backend *backend,
	const struct ukvmm_net_config *c);
int vm_hvt_add_blk(struct ukvmm_vm *vm, uint32_t handle, struct block_backend *backend,
	const struct ukvmm_blk_config *c);
/* Any thread. -ENODEV, -EINVAL. */
int vm_hvt_rate(struct ukvmm_vm *vm, const char *dev, uint32_t direction, const struct ukvmm_rate *rate);
int vm_hvt_rebind(struct ukvmm_vm *vm, const char *dev, int fd); /* -ENODEV */
/* Is every device of the manifest attached? -ENODEV names one that is not. */
int vm_hvt_check(struct ukvmm_vm *vm, struct ukvmm_err *err);

/* Once the image is in memory: what is not to be written is read-only from here on. */
int vm_hvt_protect(struct ukvmm_vm *vm, struct mem *mem, struct ukvmm_err *err);

/* hvt_run.c: a port access; 1: *stop is to be returned. */
int vm_hvt_port(struct ukvmm_vcpu *vcpu, uint64_t *value, struct ukvmm_stop *stop);
/* An access that memory did not take. Where KVM emulates, a write to read-only memory is one, too. Always 1. */
int vm_hvt_memory(struct ukvmm_stop *stop);
/* Goes on with the open call, or waits for what it waits for. 1: *stop of the run is to be returned; 0: go on. */
int vm_hvt_wait(struct run *r);
/* After a FAULT of these. */
void vm_hvt_explain(struct run *r);
/* KVM_RUN has failed with -EFAULT: the guest wrote to read-only memory. 1: *stop of the run says so. */
int vm_hvt_write_fault(struct run *r);

#endif
