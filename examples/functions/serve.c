/* SPDX-License-Identifier: Apache-2.0 */
/* A body of 50 MiB that is always the same, sent from where it lies. */
#include "ukvmm_fn.h"

enum { SIZE = 50 << 20 };

static uint32_t content[SIZE / 4];

void handle(const struct fn_request *request, struct fn_response *response)
{
	(void)request;
	for (uint32_t i = 0; !content[1] && i < SIZE / 4; i++)
		content[SIZE / 4 - 1 - i] = (SIZE / 4 - 1 - i) * 2654435761u;
	response->type = "application/octet-stream";
	response->body = content;
	response->body_len = SIZE;
}
