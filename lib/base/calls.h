/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls a room makes, on which threads and what for. Each room has its table (calls.c), which is data for
 * the generator of the filters, the tests and doc/security.md; nothing of it is in the library.
 */
#ifndef BASE_CALLS_H
#define BASE_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* Who needs a call: the threads of a role at any time, and what ukvmm/sandbox.h's `may` adds. */
enum call_grant {
	CALL_VCPU = 1,	   /* UKVMM_ROLE_VCPU */
	CALL_IO = 2,	   /* UKVMM_ROLE_IO */
	CALL_WORK = 4,	   /* UKVMM_ROLE_WORK */
	CALL_CREATE = 8,   /* UKVMM_MAY_CREATE */
	CALL_THREADS = 16, /* UKVMM_MAY_THREADS */
	CALL_SERVE = 32,   /* UKVMM_MAY_SERVE */
	CALL_CONNECT = 64, /* UKVMM_MAY_CONNECT */
	CALL_STATE = 128,  /* UKVMM_MAY_STATE */
	CALL_INSPECT = 256, /* UKVMM_MAY_INSPECT */
	CALL_STREAM = 512, /* UKVMM_MAY_STREAM */
	CALL_EVERY = CALL_VCPU | CALL_IO | CALL_WORK,
};

enum call_check {
	CALL_ANY,    /* not looked at: the end of the list */
	CALL_MASKED, /* (argument & mask) == value */
	CALL_PID,    /* the process that entered the sandbox */
	CALL_SIGNAL, /* the host's kick signal */
};

struct call_arg {
	uint8_t check, index;
	uint64_t mask, value;
};

enum { CALL_ARGS = 3 };

/* Allowed if all of arg hold; several rules for one call are alternatives. */
struct call_rule {
	const char *call; /* as libseccomp names it; one that an architecture does not have is left out there */
	uint16_t grants;
	uint16_t refuse; /* not 0: the call fails with this errno instead, and the caller has another way */
	struct call_arg arg[CALL_ARGS];
	const char *why;
};

struct call_table {
	const char *room;
	const struct call_rule *rule;
	size_t n;
};

#define CALL_EQ(i, v) { CALL_MASKED, i, UINT64_MAX, v }
/* the kernel looks at the lower half only, and some C libraries extend its sign */
#define CALL_EQ32(i, v) { CALL_MASKED, i, UINT32_MAX, (uint32_t)(v) }
/* no bits but these may be set */
#define CALL_ONLY(i, bits) { CALL_MASKED, i, ~(uint64_t)(bits), 0 }
#define CALL_IS_PID(i) { CALL_PID, i, 0, 0 }
#define CALL_IS_SIGNAL(i) { CALL_SIGNAL, i, 0, 0 }

#define CALL(name, who, reason, ...) { .call = name, .grants = who, .arg = { __VA_ARGS__ }, .why = reason }
#define CALL_REFUSED(name, who, error, reason, ...) \
	{ .call = name, .grants = who, .refuse = error, .arg = { __VA_ARGS__ }, .why = reason }
#define CALL_IOCTL(request, who, reason) CALL("ioctl", who, #request ": " reason, CALL_EQ32(1, request))
#define CALL_TABLE(name) \
	const struct call_table calls_##name = { #name, rules, sizeof rules / sizeof *rules }

extern const struct call_table calls_base, calls_mem, calls_kvm, calls_kvm_x86_64, calls_net, calls_block, calls_virtio,
	calls_sandbox, calls_vm;

#endif
