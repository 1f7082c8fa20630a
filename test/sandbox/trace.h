/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program, and tells of each system call that one of its threads makes under a filter of the library's. */
#ifndef SANDBOX_TRACE_H
#define SANDBOX_TRACE_H

#include <stdint.h>

#include "probe.h"

/* grants: of the last filter that the thread has; who: its process. */
typedef void trace_seen(void *arg, uint16_t grants, const struct probe_call *call, const struct probe_who *who);

/* Runs argv (by ptrace, with the threads and processes that it makes) to its end; wait's status. -1: ptrace is not
 * allowed here. */
int trace_run(char *const argv[], trace_seen *seen, void *arg);

#endif
