/* SPDX-License-Identifier: Apache-2.0 */
/* /hang never ends, and is busy with that; everything else is answered. */
#include "ukvmm_fn.h"

static volatile unsigned long turns;

__attribute__((noinline)) static void turn_for_ever(void)
{
	for (;;)
		turns = turns + 1;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	if (fn_is(request->path, "/hang"))
		turn_for_ever();
	fn_text(response, "ok\n");
}
