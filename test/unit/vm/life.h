/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a VM on the fake KVM, from ukvmm_host_open to ukvmm_host_close, in which at most one thing fails. Whatever
 * fails must fail cleanly, leave the objects usable, and work when it is tried again.
 */
#ifndef TEST_LIFE_H
#define TEST_LIFE_H

#include <stdbool.h>

#include "../kvm/test.h"

#include "fake.h"

#include <ukvmm/ukvmm.h>

struct life_kind {
	const char *name;
	uint32_t vcpus, irqchip; /* UKVMM_X86_IRQCHIP_* */
	uint32_t shells;	 /* made ahead */
	bool no_sync_regs, dup_fd;
};
extern const struct life_kind life_kinds[];
extern const uint32_t life_kinds_len;

struct life {
	const struct life_kind *kind;
	struct fake_kvm fake;
	struct kvm_sys sys; /* the fake's; faults.c must not fail what the fake itself calls */
	int image_fd;
	void (*faults)(bool on); /* may be NULL: called around every call of the library's */
	struct ukvmm_err err;	 /* of the call that failed */
	uint32_t failures;	 /* calls that failed */
	int rc;			 /* the first one's */

	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
};

void life_init(struct life *l, const struct life_kind *kind);
/* Lives it through. Asserts that at the end the guest's status was read (unless KVM_RUN or its timer failed) and that
 * the fake has nothing left. */
void life_run(struct life *l);
void life_fini(struct life *l);

/* True while the calling thread is inside the fake. */
bool life_in_fake(void);

#endif
