/* SPDX-License-Identifier: Apache-2.0 */
/* VMs made ahead. See design: a slot over a PROT_NONE reservation, RAM mapped over it when a job comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "err.h"
#include "host.h"
#include "structs.h"
#include "x86_map.h"

enum { MEMORY_DEFAULT = 128 << 20, MEMORY_MIN = 2 << 20, VCPUS_MAX = 64 };

void shell_close(struct shell *shell)
{
	for (uint32_t i = 0; i < shell->kind.vcpus; i++)
		kvm_vcpu_fini(&shell->vcpu[i]);
	kvm_vm_fini(&shell->kvm);
	mem_fini(&shell->mem);
	free(shell);
}

static void shell_close_job(struct job *job)
{
	shell_close((struct shell *)job);
}

void shell_retire(struct shell *shell)
{
	if (!shell)
		return;
	mem_drop(&shell->mem);
	shell->job.run = shell_close_job;
	host_queue(shell->host, &shell->job);
}

/* huge NULL: a bare reservation, for the pool. RAM that is wanted now is mapped before KVM knows the slot: mapping
 * over a registered one costs an invalidation. */
static int shell_alloc(struct ukvmm_host *host, const struct shell_kind *kind, const enum mem_huge *huge,
	const char *name, struct shell **out, struct ukvmm_err *err)
{
	struct shell *shell = calloc(1, sizeof *shell + kind->vcpus * sizeof shell->vcpu[0]);
	int rc;

	if (!shell)
		return err_set(err, -ENOMEM, "calloc", name, "out of memory");
	shell->host = host;
	shell->kind = *kind;
	rc = huge ? mem_map(&shell->mem, kind->memory, X86_RAM_GAP_START, X86_RAM_GAP_END, *huge) :
		    mem_reserve(&shell->mem, kind->memory, X86_RAM_GAP_START, X86_RAM_GAP_END);
	if (rc) {
		free(shell);
		return err_set(err, rc, "mmap", name, "no %llu MiB of %s: %s",
			(unsigned long long)(kind->memory >> 20), huge ? "guest RAM" : "address space", strerror(-rc));
	}
	*out = shell;
	return 0;
}

static int shell_kvm(struct shell *shell, const char *name, struct ukvmm_err *err)
{
	struct ukvmm_host *host = shell->host;
	uint32_t made = 0;
	int rc = kvm_vm_init(&shell->kvm, &host->kvm, &shell->mem, shell->kind.irqchip, shell->kind.vcpus, name, err);

	if (rc)
		return rc;
	for (; !rc && made < shell->kind.vcpus; made++)
		rc = kvm_vcpu_init(&shell->vcpu[made], &shell->kvm, made, host->kick_signal, err);
	if (!rc)
		return 0;
	while (--made) /* the one that failed left nothing */
		kvm_vcpu_fini(&shell->vcpu[made - 1]);
	kvm_vm_fini(&shell->kvm);
	return rc;
}

int shell_make(struct ukvmm_host *host, const struct shell_kind *kind, const enum mem_huge *huge,
	const char *name, struct shell **out, struct ukvmm_err *err)
{
	struct shell *shell = NULL;
	int rc = shell_alloc(host, kind, huge, name, &shell, err);

	if (rc)
		return rc;
	rc = shell_kvm(shell, name, err);
	if (rc) {
		mem_fini(&shell->mem);
		free(shell);
		return rc;
	}
	*out = shell;
	return 0;
}

int shell_take(struct ukvmm_host *host, const struct shell_kind *kind, enum mem_huge huge, const char *name,
	struct shell **out, struct ukvmm_err *err)
{
	struct shell *shell = shell_pool_get(host, kind);
	int rc;

	if (!shell)
		return shell_make(host, kind, &huge, name, out, err);
	rc = mem_back(&shell->mem, huge);
	if (rc) {
		shell_retire(shell);
		return err_set(err, rc, "mmap", name, "no %llu MiB of guest RAM: %s",
			(unsigned long long)(kind->memory >> 20), strerror(-rc));
	}
	snprintf(shell->kvm.name, sizeof shell->kvm.name, "%s", name);
	for (uint32_t i = 0; i < kind->vcpus; i++)
		kvm_vcpu_rename(&shell->vcpu[i], name);
	*out = shell;
	return 0;
}

static int irqchip_of(const struct ukvmm_vm_config *config, enum kvm_chip *irqchip)
{
	struct ukvmm_x86_config x86;
	int rc = struct_take(&x86, sizeof x86, config->x86);

	if (rc)
		return rc;
	if (x86.flags || x86.reserved || x86.irqchip > UKVMM_X86_IRQCHIP_NONE)
		return -EINVAL;
	*irqchip = x86.irqchip == UKVMM_X86_IRQCHIP_FULL ? KVM_CHIP_FULL :
		   x86.irqchip == UKVMM_X86_IRQCHIP_NONE ? KVM_CHIP_NONE :
							   KVM_CHIP_SPLIT;
	return 0;
}

int shell_kind_of(struct ukvmm_host *host, const struct ukvmm_vm_config *config, struct shell_kind *kind,
	struct ukvmm_err *err, const char *name)
{
	uint32_t most = host->kvm.max_vcpus < VCPUS_MAX ? host->kvm.max_vcpus : VCPUS_MAX;
	int rc = irqchip_of(config, &kind->irqchip);

	if (rc)
		return err_set(err, rc, "ukvmm_vm_new", name, "bad ukvmm_x86_config");
	kind->memory = config->memory ? config->memory : MEMORY_DEFAULT;
	kind->vcpus = config->vcpus ? config->vcpus : 1;
	if (kind->memory < MEMORY_MIN || kind->memory % MEM_PAGE || kind->memory >> 44)
		return err_set(err, -EINVAL, "ukvmm_vm_new", name,
			"memory must be 2 MiB to 16 TiB, in whole pages, not %llu bytes",
			(unsigned long long)kind->memory);
	if (kind->vcpus > most || (kind->vcpus > 1 && kind->irqchip == KVM_CHIP_NONE))
		return err_set(err, -EINVAL, "ukvmm_vm_new", name, "%u vCPUs: at most %u here", kind->vcpus,
			kind->irqchip == KVM_CHIP_NONE ? 1 : most);
	return 0;
}
