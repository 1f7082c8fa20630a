/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ukvmm_fn.h"

void handle(const struct fn_request *request, struct fn_response *response)
{
	char *copy = malloc(request->body_len + 1);

	if (!copy) {
		response->status = 500;
		return;
	}
	memcpy(copy, request->body, request->body_len);
	response->body = response->arg = copy;
	response->body_len = request->body_len;
	response->release = free;
}
