/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into a VM that is paused or has ended: copies only, -EBADFD in any other state. One thread at a time for a VM.
 */
#ifndef UKVMM_DEBUG_H
#define UKVMM_DEBUG_H

#include "ukvmm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies min(bytes, what there is) of the architecture's register structure (struct ukvmm_x86_regs): 0, or the negative
 * errno of KVM's ioctl. */
int ukvmm_debug_regs(struct ukvmm_vcpu *vcpu, void *regs, size_t bytes);

/* Copies guest-physical memory; returns len, or -EFAULT where the range is not wholly RAM. */
int64_t ukvmm_debug_read(struct ukvmm_vm *vm, uint64_t guest_phys, void *buf, size_t len);

/* Guest-virtual to guest-physical as the vCPU would translate it now; -EFAULT: not mapped. */
int ukvmm_debug_translate(struct ukvmm_vcpu *vcpu, uint64_t guest_virt, uint64_t *guest_phys);

#ifdef __cplusplus
}
#endif
#endif
