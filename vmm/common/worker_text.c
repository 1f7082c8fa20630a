/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

void worker_death_text(const struct worker_death *death, char *text, size_t len)
{
	switch (death->cause) {
	case CAUSE_EXIT:
		snprintf(text, len, "it ended with status %d", death->number);
		return;
	case CAUSE_MEMORY:
		snprintf(text, len, "the kernel killed it at the memory limit of its cgroup");
		return;
	case CAUSE_LIES:
		snprintf(text, len, "it sent what no worker sends, and was killed for it");
		return;
	case CAUSE_KILLED:
		snprintf(text, len, "it was killed, as it did not end by itself");
		return;
	case CAUSE_UNKNOWN:
		snprintf(text, len, "it ended, and nobody knows how");
		return;
	case CAUSE_SIGNAL:
		break;
	}
	if (death->number == SIGSYS)
		snprintf(text, len, "it made a system call that is not on its list (SIGSYS)");
	else
		snprintf(text, len, "it died of signal %d (%s)", death->number, strsignal(death->number));
}

struct worker_death worker_death_of(int code, int status, bool known)
{
	if (!known)
		return (struct worker_death){ CAUSE_UNKNOWN, 0, 125, false };
	if (code == CLD_EXITED)
		return (struct worker_death){ CAUSE_EXIT, status, 125, false };
	return (struct worker_death){ CAUSE_SIGNAL, status, 128 + status, false };
}

const char *worker_wall_name(uint32_t wall)
{
	static const char *const names[] = {
		"a user namespace", "namespaces", "an empty root", "another user", "no new privileges",
		"no capabilities", "resource limits", "no core dump", "Landlock", "a filter of system calls",
	};

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (wall == 1u << i)
			return names[i];
	return "a wall";
}
