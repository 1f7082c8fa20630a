/* SPDX-License-Identifier: Apache-2.0 */
#include "ukvmm_fn.h"

void handle(const struct fn_request *request, struct fn_response *response)
{
	(void)request;
	(void)response;
}
