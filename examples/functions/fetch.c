/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with what another server answers. Word `from` of the command line is its URL, http://HOST[:PORT][/PATH], behind
 * which the request's path and query go; the method and the body are the request's, too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ukvmm_fn.h"

enum { BODY_MOST = 8 << 20, URL_MOST = 2048 };

static void hang_up(void *answer)
{
	fn_hang_up(answer);
}

static int ask(const struct fn_request *r, struct fn_answer **answer, struct fn_response *response)
{
	const char *from = fn_env("from");
	char url[URL_MOST], method[16];
	struct fn_call call = { .url = url, .method = method, .body = r->body, .body_len = r->body_len };
	int n = snprintf(url, sizeof url, "%s%.*s%s%.*s", from ? from : "", (int)r->path.len, r->path.at,
		r->query.at ? "?" : "", (int)r->query.len, r->query.at ? r->query.at : "");
	int rc;

	if (n < 0 || n >= URL_MOST || r->method.len >= sizeof method)
		return -EMSGSIZE;
	snprintf(method, sizeof method, "%.*s", (int)r->method.len, r->method.at);
	rc = fn_call(&call, answer);
	return rc ? rc : fn_answer_body(*answer, BODY_MOST, (const char **)&response->body, &response->body_len);
}

/* It is read when handle() returns: nobody else's comes in between. */
static const char *type_of(const struct fn_answer *answer)
{
	static char text[128];
	struct fn_str type = fn_answer_header(answer, "Content-Type");

	if (!type.len || type.len >= sizeof text)
		return "application/octet-stream";
	memcpy(text, type.at, type.len);
	text[type.len] = 0;
	return text;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	struct fn_answer *answer = NULL;
	int rc = ask(request, &answer, response);

	if (rc) {
		fn_hang_up(answer);
		fn_text(response, "%s\n", strerror(-rc));
		response->status = rc == -ETIMEDOUT ? 504 : 502;
		return;
	}
	response->status = answer->status;
	response->type = type_of(answer);
	response->release = hang_up;
	response->arg = answer;
}
