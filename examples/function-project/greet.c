/* SPDX-License-Identifier: Apache-2.0 */
/* GET /NAME greets; POST sums the numbers of its body. */
#include <stdlib.h>
#include <string.h>

#include <ukvmm_fn.h>

#include "words.h"

static void sum(const struct fn_request *request, struct fn_response *response)
{
	char *text = malloc(request->body_len + 1), *at = text, *end;
	double total = 0, value;

	if (!text) {
		response->status = 500;
		return;
	}
	memcpy(text, request->body, request->body_len);
	text[request->body_len] = 0;
	for (value = strtod(at, &end); end != at; value = strtod(at, &end)) {
		total += value;
		at = end;
	}
	free(text);
	fn_text(response, "%.2f\n", total);
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	if (fn_is(request->method, "POST"))
		sum(request, response);
	else if (request->path.len > 1)
		fn_text(response, "%s, %.*s!\n", greeting(), (int)request->path.len - 1, request->path.at + 1);
	else
		fn_text(response, "%s, %s!\n", greeting(), fn_env("who") ? fn_env("who") : "world");
}
