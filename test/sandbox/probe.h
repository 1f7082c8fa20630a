/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables say about a system call, and what becomes of a process that makes it under a filter. */
#ifndef SANDBOX_PROBE_H
#define SANDBOX_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox.h"
#include "tables.h"

struct probe_call {
	long nr;
	uint64_t arg[6];
};

/* What a rule is held against: the process that entered, the host's kick signal. */
struct probe_who {
	pid_t pid;
	int signal;
};

enum probe_end { PROBE_DIED /* of SIGSYS */, PROBE_LIVED };

/* Number of a name, negative where this architecture has none. */
long probe_number(const char *name);
/* Would the rule let the call through? */
bool probe_matches(const struct call_rule *rule, const struct probe_call *call, const struct probe_who *who);
/* Would any rule with one of these grants? */
bool probe_allowed(uint16_t grants, const struct probe_call *call, const struct probe_who *who);
/* Arguments that a rule lets through: what is not looked at is all ones, which no kernel object is. */
struct probe_call probe_of(const struct call_rule *rule, const struct probe_who *who);

/* A process that enters with this config (UKVMM_VIOLATION_KILL) and makes the call; its end. What is not SIGSYS is
 * PROBE_LIVED: the call may fail, end the process or corrupt it. */
enum probe_end probe_run(const struct ukvmm_sandbox_config *config, const struct probe_call *call);
/* The same for code of the test's; `body` runs under the filter. */
enum probe_end probe_body(const struct ukvmm_sandbox_config *config, void (*body)(void *arg), void *arg);

/* wait's status of the last one. */
int probe_status(void);

/* Every config that is legal, on_violation 0; how many. Fills at most `max`. */
uint32_t probe_configs(struct ukvmm_sandbox_config *out, uint32_t max);

/* Stands for the pid of the child in a probe_call. */
#define PROBE_OWN_PID 0x7061726d70696421ull

#endif
