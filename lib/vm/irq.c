/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines of devices: handed out in the order that the most guests can reach. */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "export.h"

int vm_gsi_take(struct ukvmm_vm *vm, uint32_t *gsi)
{
	static const uint8_t order[] = X86_DEVICE_GSIS;

	if (vm->kind.irqchip == KVM_CHIP_NONE)
		return -ENOTSUP;
	if (vm->gsis_used == sizeof order)
		return -ENOSPC;
	*gsi = order[vm->gsis_used++];
	return 0;
}

void vm_gsi_pulse(struct ukvmm_vm *vm, uint32_t gsi)
{
	pthread_mutex_lock(&vm->board_lock);
	legacy_pulse(&vm->board, gsi);
	pthread_mutex_unlock(&vm->board_lock);
}

UKVMM_API int ukvmm_vm_irq(struct ukvmm_vm *vm, const char *name, struct ukvmm_irq **out,
	struct ukvmm_err *err)
{
	struct ukvmm_irq *irq;
	uint32_t gsi;
	int rc = vm_check_new(vm, "ukvmm_vm_irq", err);

	*out = NULL;
	if (rc)
		return rc;
	if (!name || !*name || strlen(name) >= sizeof irq->name)
		return err_set(err, -EINVAL, "ukvmm_vm_irq", vm->name, "a name has 1 to 31 bytes");
	irq = calloc(1, sizeof *irq);
	if (!irq)
		return err_set(err, -ENOMEM, "calloc", name, "out of memory");
	rc = vm_gsi_take(vm, &gsi);
	if (rc) {
		free(irq);
		return err_set(err, rc, "ukvmm_vm_irq", name,
			rc == -ENOSPC ? "no interrupt line is left" : "the VM has no interrupt chip");
	}
	irq->vm = vm;
	irq->gsi = gsi;
	snprintf(irq->name, sizeof irq->name, "%s", name);
	vm->irq[vm->irqs++] = irq;
	*out = irq;
	return 0;
}

UKVMM_API uint32_t ukvmm_irq_number(const struct ukvmm_irq *irq)
{
	return irq->gsi;
}

UKVMM_API int ukvmm_irq_pulse(struct ukvmm_irq *irq)
{
	if (!irq->vm->shell)
		return -EBADFD;
	vm_gsi_pulse(irq->vm, irq->gsi);
	return 0;
}
