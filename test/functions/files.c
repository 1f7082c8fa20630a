/* SPDX-License-Identifier: Apache-2.0 */
/* GET /PATH: the file as fn_file has it. GET /PATH?OFF-LEN: what fn_read gives of it. */
#include <stdlib.h>
#include <string.h>

#include <ukvmm_fn.h>

static int n_setup;

int fn_setup(void)
{
	n_setup++;
	fn_log("set up");
	return fn_env("fail") != NULL;
}

static void part(const struct fn_request *request, struct fn_response *response, const char *path)
{
	char range[64], *end;
	struct fn_file file;
	uint64_t off, len;
	int64_t got;
	void *bytes;

	if (!fn_open(path, &file) || request->query.len >= sizeof range) {
		response->status = 404;
		return;
	}
	memcpy(range, request->query.at, request->query.len);
	range[request->query.len] = 0;
	off = strtoull(range, &end, 10);
	len = strtoull(end + 1, NULL, 10);
	bytes = malloc(len + 1);
	got = bytes ? fn_read(&file, off, bytes, len) : -1;
	if (got < 0) {
		response->status = 500;
		free(bytes);
		return;
	}
	response->body = response->arg = bytes;
	response->body_len = (size_t)got;
	response->release = free;
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	char path[256];
	size_t len = request->path.len < sizeof path ? request->path.len : sizeof path - 1;

	memcpy(path, request->path.at, len);
	path[len] = 0;
	if (n_setup != 1)
		response->status = 500;
	else if (request->query.len)
		part(request, response, path);
	else if (!fn_file(path, &response->body, &response->body_len))
		response->status = 404;
}
