/* SPDX-License-Identifier: Apache-2.0 */
/* 50 MiB of the disk, or all of a smaller one, into memory, and their FNV-1a sum. */
#include <stdlib.h>

#include "ukvmm_fn.h"

enum { SIZE = 50 << 20 };

void handle(const struct fn_request *request, struct fn_response *response)
{
	size_t len = fn_disk_bytes() < SIZE ? (size_t)fn_disk_bytes() & ~511ul : SIZE;
	uint8_t *bytes = malloc(len + 1);
	uint64_t sum = 0xcbf29ce484222325;

	(void)request;
	if (!len || !bytes || fn_disk_read(0, bytes, len)) {
		response->status = 500;
		free(bytes);
		return;
	}
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	free(bytes);
	fn_text(response, "%llx\n", (unsigned long long)sum);
}
