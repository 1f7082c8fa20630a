/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/call.h"
#include "namespaces.h"

static void job_free(struct job *job)
{
	cJSON_Delete(job->json);
	spec_unref(job->spec);
	spec_unref(job->before);
	free(job->text);
	free(job->body);
	free(job);
}

static size_t on_body(struct call *call, const char *bytes, size_t len)
{
	struct job *job = call_user(call);
	char *more;

	if (!job)
		return len;
	more = job->len + len > JOB_BYTES ? NULL : realloc(job->body, job->len + len + 1);
	if (!more) {
		job_say(job, job->len + len > JOB_BYTES ? 413 : 503, "the body is too long");
		return len;
	}
	memcpy(more + job->len, bytes, len);
	job->body = more;
	job->len += len;
	job->body[job->len] = 0;
	return len;
}

static void on_end(struct call *call)
{
	struct job *job = call_user(call);

	if (!job)
		return;
	if (!job->body)
		job->body = calloc(1, 1);
	if (!job->body)
		job_say(job, 503, "out of memory");
	else
		job->ready(job);
}

static void on_gone(struct call *call)
{
	struct job *job = call_user(call);

	if (!job)
		return;
	job->call = NULL;
	if (!job->busy)
		job_free(job);
}

static const struct call_ops ops = { on_body, on_end, NULL, on_gone };

void job_begin(struct app *app, struct call *call, void (*ready)(struct job *job))
{
	struct job *job = calloc(1, sizeof *job);

	if (!job) {
		call_error(call, 503, "out of memory");
		return;
	}
	job->app = app;
	job->call = call;
	job->ready = ready;
	job->err.size = sizeof job->err;
	call_take(call, &ops, job);
}

static void run(struct work_job *work)
{
	struct job *job = (struct job *)((char *)work - offsetof(struct job, work));

	job->run(job);
}

static void done(struct work_job *work)
{
	struct job *job = (struct job *)((char *)work - offsetof(struct job, work));

	job->busy = false;
	job->done(job);
}

void job_work(struct job *job, void (*on_thread)(struct job *job), void (*after)(struct job *job))
{
	job->run = on_thread;
	job->done = after;
	job->work.run = run;
	job->work.done = done;
	job->busy = true;
	work_submit(job->app->work, &job->work);
}

static void end(struct job *job)
{
	if (job->call)
		call_take(job->call, &ops, NULL);
	job_free(job);
}

void job_say(struct job *job, unsigned int status, const char *fmt, ...)
{
	char line[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	if (job->call && status >= 400)
		call_error(job->call, status, "%s", line);
	else if (job->call)
		call_reply(job->call, status, "text/plain; charset=utf-8", line, strlen(line));
	end(job);
}

void job_json(struct job *job, unsigned int status, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (job->call && text)
		call_reply(job->call, status, "application/json", text, strlen(text));
	else if (job->call)
		call_error(job->call, 503, "out of memory");
	cJSON_free(text);
	cJSON_Delete(json);
	end(job);
}

static unsigned int status_of(int rc)
{
	switch (rc) {
	case -ENOENT:
		return 404;
	case -EEXIST:
	case -EBUSY:
		return 409;
	case -EINVAL:
	case -ENOEXEC:
	case -ENOTSUP:
		return 400;
	case -ENOSPC:
		return 507;
	default:
		return 500;
	}
}

void job_failed(struct job *job)
{
	if (!job->err.call[0])
		job_say(job, status_of(job->rc), "%s", strerror(-job->rc));
	else
		job_say(job, status_of(job->rc), "%s(%s): %s", job->err.call, job->err.object, job->err.text);
}

const char *job_member(struct job *job, const char *name)
{
	const cJSON *item;

	if (!job->json)
		job->json = cJSON_ParseWithLength(job->body, job->len);
	item = cJSON_GetObjectItemCaseSensitive(job->json, name);
	return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool job_elsewhere(struct job *job, unsigned int status)
{
	if (namespace_is_ours(job_member(job, "namespace")))
		return false;
	job_say(job, status, "there is one namespace, " NAMESPACE);
	return true;
}
