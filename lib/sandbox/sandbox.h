/* SPDX-License-Identifier: Apache-2.0 */
/* The filters that were generated from the rooms' tables, and what completes one for a process. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ukvmm/sandbox.h>

struct sandbox_filter {
	uint16_t grants; /* enum call_grant */
	uint16_t len;	 /* instructions */
	const struct sock_filter *code;
};

enum { SANDBOX_LONGEST = 512 };

/* Stand for the process id and the kick signal in a generated filter; no system call has these as an argument. */
#define SANDBOX_PID 0x6b7660f1u
#define SANDBOX_SIGNAL 0x6b7660f2u

/* Made by the build; the last has grants 0. */
extern const struct sandbox_filter sandbox_filters[];

/* The filter of a checked copy of a config. NULL: -EINVAL, it asks for what there is not. */
const struct sandbox_filter *sandbox_filter_find(const struct ukvmm_sandbox_config *config);
/* Copies it to `code` (f->len) for a process, a kick signal and UKVMM_VIOLATION_*. */
void sandbox_filter_complete(const struct sandbox_filter *f, pid_t pid, int signal, uint32_t on_violation,
	struct sock_filter *code);
/* Gives it to the calling thread. 0, or negative errno. */
int sandbox_filter_load(const struct sock_filter *code, uint16_t len);

#endif
