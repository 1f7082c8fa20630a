/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that guests run on, which are there before them: one for the vCPU, one for devices, one that is lent. */
#ifndef BESIDE_RUN_H
#define BESIDE_RUN_H

#include <stddef.h>

#include <ukvmm/ukvmm.h>

enum { OUTPUT = 16384 };

struct beside_vm {
	struct ukvmm_vm *vm;
	struct ukvmm_vcpu *vcpu;
	struct ukvmm_err err;
	char output[OUTPUT + 1];
	size_t said;
	double made_at;
	int ending;
};

extern struct ukvmm_host *run_host;
extern struct ukvmm_poller *run_poller;

void run_need(int rc, const struct ukvmm_err *err);
/* Makes all of it, once. */
void run_open(void);
/* A sealed guest's turn; one at a time. */
void run_begin(struct beside_vm *vm);
/* Stops it, and waits until its vCPU has returned. */
void run_end(struct beside_vm *vm);

#endif
