/* SPDX-License-Identifier: Apache-2.0 */
#include "secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base64.h"
#include "http/call.h"
#include "job.h"
#include "namespaces.h"
#include "secrets_internal.h"

enum { SECRET_BYTES = 64 << 10 };

struct secrets {
	struct secret *all;
};

struct secrets *secrets_new(void)
{
	return calloc(1, sizeof(struct secrets));
}

static void drop_one(struct secret **at)
{
	struct secret *s = *at;

	*at = s->next;
	if (s->value)
		explicit_bzero(s->value, s->len);
	free(s->value);
	free(s);
}

void secrets_free(struct secrets *s)
{
	while (s && s->all)
		drop_one(&s->all);
	free(s);
}

struct secret *secrets_find(const struct secrets *s, const char *name)
{
	struct secret *one = s->all;

	while (one && strcmp(one->name, name) != 0)
		one = one->next;
	return one;
}

bool secrets_has(const struct secrets *s, const char *name)
{
	return secrets_find(s, name);
}

int secrets_set(struct secrets *s, const char *name, const void *value, size_t len)
{
	struct secret *one = value ? calloc(1, sizeof *one) : NULL;

	if (value && (!one || !(one->value = malloc(len + 1)))) {
		free(one);
		return -ENOMEM;
	}
	for (struct secret **at = &s->all; *at; at = &(*at)->next)
		if (strcmp((*at)->name, name) == 0) {
			drop_one(at);
			break;
		}
	if (!one)
		return 0;
	snprintf(one->name, sizeof one->name, "%s", name);
	memcpy(one->value, value, len);
	one->len = len;
	one->next = s->all;
	s->all = one;
	return 0;
}

void secrets_each(const struct secrets *s, void (*each)(void *arg, const char *name), void *arg)
{
	for (struct secret *one = s->all; one; one = one->next)
		each(arg, one->name);
}

/* ---- /system/secrets ---- */

static void add_name(void *arg, const char *name)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", name);
	cJSON_AddStringToObject(json, "namespace", NAMESPACE);
	cJSON_AddItemToArray(arg, json);
}

static void list(struct job *job)
{
	cJSON *json = cJSON_CreateArray();

	secrets_each(job->app->secrets, add_name, json);
	job_json(job, 200, json);
}

void api_secrets_list(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, list);
}

static void put(struct job *job)
{
	job->rc = store_put_secret(job->app->store, job->name, job->text, job->text_len, job->flag, &job->err);
}

static void was_put(struct job *job)
{
	if (job->rc == 0)
		job->rc = secrets_set(job->app->secrets, job->name, job->text, job->text_len);
	if (job->rc < 0)
		job_failed(job);
	else
		job_say(job, job->flag ? 201 : 200, "%s\n", job->name);
}

/* rawValue is the exact bytes: clients that have it give what is text of them in value, too. False: neither fits. */
static bool take_value(struct job *job)
{
	const char *value = job_member(job, "value"), *raw = job_member(job, "rawValue");
	const char *from = raw && *raw ? raw : value;

	if (!from || strlen(from) > (from == raw ? SECRET_BYTES / 3 * 4 + 4 : SECRET_BYTES))
		return false;
	job->text = strdup(from);
	job->text_len = strlen(from);
	if (!job->text || from != raw)
		return true;
	return base64_decode(raw, (uint8_t *)job->text, &job->text_len) == 0 && job->text_len <= SECRET_BYTES;
}

static void take(struct job *job, bool create)
{
	const char *name = job_member(job, "name");

	if (job_elsewhere(job, create ? 400 : 404))
		return;
	if (!name || !spec_name_fits(name) || !take_value(job)) {
		job_say(job, 400, "name is no name, or value (or rawValue, in base64) is missing or longer than 64 KiB");
		return;
	}
	snprintf(job->name, sizeof job->name, "%s", name);
	job->flag = create;
	if (job->text)
		job_work(job, put, was_put);
	else
		job_say(job, 503, "out of memory");
}

static void create(struct job *job)
{
	take(job, true);
}

static void update(struct job *job)
{
	take(job, false);
}

void api_secrets_create(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, create);
}

void api_secrets_update(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, update);
}

static void drop(struct job *job)
{
	job->rc = store_drop_secret(job->app->store, job->name, &job->err);
}

static void dropped(struct job *job)
{
	if (job->rc < 0) {
		job_failed(job);
		return;
	}
	secrets_set(job->app->secrets, job->name, NULL, 0);
	job_say(job, 202, "%s is removed\n", job->name);
}

static void used_by(void *arg, const struct function_view *view)
{
	struct job *job = arg;

	if (spec_find(&view->spec->secrets, job->name))
		job->flag = true;
}

static void remove_it(struct job *job)
{
	const char *name = job_member(job, "name");

	if (job_elsewhere(job, 404))
		return;
	if (!name || !spec_name_fits(name)) {
		job_say(job, 400, "name is missing");
		return;
	}
	snprintf(job->name, sizeof job->name, "%s", name);
	dispatch_each(job->app->dispatcher, used_by, job);
	if (job->flag)
		job_say(job, 409, "a function uses %s: remove or update the function first", job->name);
	else
		job_work(job, drop, dropped);
}

void api_secrets_remove(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, remove_it);
}
