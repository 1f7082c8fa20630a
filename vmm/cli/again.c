/* SPDX-License-Identifier: Apache-2.0 */
#include "again.h"

#include <poll.h>
#include <stddef.h>

#include <ukvmm/ukvmm.h>

enum { STEP_MS = 5 };

/* an io_uring that had a file keeps it for a second after its process has ended (Linux 6.1) */
#define PATIENCE_NS (2000ull * 1000 * 1000)

bool again(uint64_t *since)
{
	uint64_t now = ukvmm_now();

	if (*since == 0)
		*since = now;
	if (now - *since >= PATIENCE_NS)
		return false;
	poll(NULL, 0, STEP_MS);
	return true;
}
