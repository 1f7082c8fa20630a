/* SPDX-License-Identifier: Apache-2.0 */
#include <ukvmm/ukvmm.h>

#include <string.h>
#include <time.h>

#include "export.h"

UKVMM_API const char *ukvmm_version(void)
{
	return "0.1.0";
}

UKVMM_API void ukvmm_struct_init(void *s, uint32_t bytes)
{
	memset(s, 0, bytes);
	if (bytes >= sizeof bytes)
		memcpy(s, &bytes, sizeof bytes);
}

UKVMM_API uint64_t ukvmm_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
