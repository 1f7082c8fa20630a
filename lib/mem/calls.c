/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM. */
#include "calls.h"

#include <sys/mman.h>

#define RAM (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static const struct call_rule rules[] = {
	CALL("mmap", CALL_CREATE, "RAM over the reservation of a VM that was made ahead",
		CALL_ONLY(2, PROT_READ | PROT_WRITE), CALL_EQ(3, RAM | MAP_FIXED)),
	CALL("madvise", CALL_CREATE, "RAM and run structures are not inherited", CALL_EQ(2, MADV_DONTFORK)),
	CALL("madvise", CALL_CREATE, "RAM of small VMs has small pages", CALL_EQ(2, MADV_NOHUGEPAGE)),
	CALL("madvise", CALL_CREATE, "RAM of large VMs has huge pages", CALL_EQ(2, MADV_HUGEPAGE)),
	CALL("mincore", CALL_IO, "ukvmm_vm_stats: resident_bytes"),
};

CALL_TABLE(mem);
