/* SPDX-License-Identifier: Apache-2.0 */
/* REST: GET /todos, GET /todos/N. */
#include "ukvmm_fn.h"

#define A "{\"id\":1,\"title\":\"boot\",\"done\":true}"
#define B "{\"id\":2,\"title\":\"serve\",\"done\":true}"
#define C "{\"id\":3,\"title\":\"halt\",\"done\":false}"

static const struct {
	const char *path, *json;
	size_t len;
} todo[] = {
	{ "/todos", "[" A "," B "," C "]", sizeof "[" A "," B "," C "]" - 1 },
	{ "/todos/1", A, sizeof A - 1 },
	{ "/todos/2", B, sizeof B - 1 },
	{ "/todos/3", C, sizeof C - 1 },
};

void handle(const struct fn_request *request, struct fn_response *response)
{
	response->type = "application/json";
	response->status = fn_is(request->method, "GET") ? 404 : 405;
	for (size_t i = 0; response->status == 404 && i < sizeof todo / sizeof *todo; i++) {
		if (!fn_is(request->path, todo[i].path))
			continue;
		response->status = 200;
		response->body = todo[i].json;
		response->body_len = todo[i].len;
	}
}
