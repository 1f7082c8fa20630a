/* SPDX-License-Identifier: Apache-2.0 */
/* /system/images: an upload goes to a file as it comes, and is hashed on its way. */
#include <errno.h>
#include <sha2.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "http/call.h"
#include "job.h"

#define IMAGE_BYTES (UINT64_C(1) << 30) /* what the library reads at most */

struct import {
	struct work_job work;
	struct app *app;
	struct call *call;
	char name[SPEC_NAME + 1], path[256], hash[SHA256_DIGEST_STRING_LENGTH];
	int fd, rc;
	bool busy;
	uint64_t bytes;
	SHA2_CTX sum;
	struct ukvmm_err err;
};

static int each(void *arg, const char *name, const char *hash, uint64_t bytes, uint64_t created)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", name);
	cJSON_AddStringToObject(json, "hash", hash);
	cJSON_AddNumberToObject(json, "bytes", (double)bytes);
	cJSON_AddNumberToObject(json, "created", (double)created);
	cJSON_AddItemToArray(arg, json);
	return 0;
}

static void read_list(struct job *job)
{
	job->json = cJSON_CreateArray();
	job->rc = store_each_image(job->app->store, each, job->json, &job->err);
}

static void listed(struct job *job)
{
	cJSON *json = job->json;

	job->json = NULL;
	if (job->rc == 0) {
		job_json(job, 200, json);
		return;
	}
	cJSON_Delete(json);
	job_failed(job);
}

static void list(struct job *job)
{
	job_work(job, read_list, listed);
}

void api_images_list(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, list);
}

static void drop(struct job *job)
{
	job->rc = store_drop_image(job->app->store, job->name, &job->err);
}

static void dropped(struct job *job)
{
	if (job->rc < 0)
		job_failed(job);
	else
		job_say(job, 200, "%s is removed\n", job->name);
}

static void remove_it(struct job *job)
{
	job_work(job, drop, dropped);
}

void api_image_remove(struct app *app, struct call *call, const char *name)
{
	struct job *job;

	job_begin(app, call, remove_it);
	job = call_user(call);
	if (job)
		snprintf(job->name, sizeof job->name, "%s", name);
}

static void import_free(struct import *i)
{
	if (i->fd >= 0)
		store_image_abandon(i->fd, i->path);
	free(i);
}

static size_t on_body(struct call *call, const char *bytes, size_t len)
{
	struct import *i = call_user(call);
	ssize_t n;

	for (size_t at = 0; at < len; at += (size_t)n) {
		n = write(i->fd, bytes + at, len - at);
		if (n <= 0) {
			call_error(call, errno == ENOSPC ? 507 : 500, "write(%s): %s", i->name, strerror(errno));
			return len;
		}
	}
	SHA256Update(&i->sum, (const uint8_t *)bytes, len);
	i->bytes += len;
	if (i->bytes > IMAGE_BYTES)
		call_error(call, 413, "an image has at most 1 GiB");
	return len;
}

static void run(struct work_job *work)
{
	struct import *i = (struct import *)((char *)work - offsetof(struct import, work));

	i->rc = store_image_end(i->app->store, i->fd, i->path, i->hash, i->name, i->bytes, &i->err);
	i->fd = -1;
}

static void done(struct work_job *work)
{
	struct import *i = (struct import *)((char *)work - offsetof(struct import, work));
	char line[128];

	i->busy = false;
	if (!i->call) {
		import_free(i);
		return;
	}
	snprintf(line, sizeof line, "sha256:%s\n", i->hash);
	if (i->rc < 0)
		call_error(i->call, i->rc == -ENOSPC ? 507 : 500, "%s(%s): %s", i->err.call, i->err.object, i->err.text);
	else
		call_reply(i->call, 201, "text/plain; charset=utf-8", line, strlen(line));
}

static void on_end(struct call *call)
{
	struct import *i = call_user(call);

	if (i->bytes == 0) {
		call_error(call, 400, "the body is the image, and it is empty");
		return;
	}
	SHA256End(&i->sum, i->hash);
	i->work.run = run;
	i->work.done = done;
	i->busy = true;
	work_submit(i->app->work, &i->work);
}

static void on_gone(struct call *call)
{
	struct import *i = call_user(call);

	i->call = NULL;
	if (!i->busy)
		import_free(i);
}

static const struct call_ops ops = { on_body, on_end, NULL, on_gone };

void api_image_import(struct app *app, struct call *call, const char *name)
{
	struct import *i;

	if (!spec_name_fits(name)) {
		call_error(call, 400, "the image's name is not up to 63 of [-a-zA-Z_0-9.]");
		return;
	}
	i = calloc(1, sizeof *i);
	if (!i) {
		call_error(call, 503, "out of memory");
		return;
	}
	i->app = app;
	i->call = call;
	i->err.size = sizeof i->err;
	snprintf(i->name, sizeof i->name, "%s", name);
	SHA256Init(&i->sum);
	i->fd = store_image_begin(app->store, i->path, &i->err);
	if (i->fd < 0) {
		call_error(call, i->fd == -ENOSPC ? 507 : 500, "%s(%s): %s", i->err.call, i->err.object, i->err.text);
		free(i);
		return;
	}
	call_take(call, &ops, i);
}
