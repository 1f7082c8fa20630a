/* SPDX-License-Identifier: Apache-2.0 */
/* /system/functions: list, deploy, update, remove. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "failure.h"
#include "http/call.h"
#include "job.h"
#include "secrets.h"
#include "status.h"

static void each(void *arg, const struct function_view *view)
{
	cJSON_AddItemToArray(arg, status_of_function(view));
}

static void list(struct job *job)
{
	cJSON *json = cJSON_CreateArray();

	dispatch_each(job->app->dispatcher, each, json);
	job_json(job, 200, json);
}

void api_functions_list(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, list);
}

/* OpenFaaS's client puts ":latest" behind a name without a tag. */
static int find_image(struct job *job, const char *reference, char hash[65])
{
	size_t len = strlen(reference), tag = strlen(":latest");
	char name[SPEC_NAME + 1];
	int rc = store_image_find(job->app->store, reference, hash, &job->err);

	if (rc == -ENOENT && len > tag && len - tag < sizeof name && strcmp(reference + len - tag, ":latest") == 0) {
		snprintf(name, sizeof name, "%.*s", (int)(len - tag), reference);
		rc = store_image_find(job->app->store, name, hash, &job->err);
		if (rc == 0)
			job->err = (struct ukvmm_err){ .size = sizeof job->err };
	}
	if (rc != -ENOENT)
		return rc;
	if (strpbrk(reference, "/:"))
		snprintf(job->err.text, sizeof job->err.text, "images of Linux containers are not run here: import a "
			"kernel that boots by `ukvmm-faas image import NAME FILE`, and deploy NAME");
	return -EINVAL;
}

static int check_egress(struct job *job)
{
	const struct app *app = job->app;

	if (app->ops->admit)
		return app->ops->admit(app->backend, job->spec, &job->err);
	return spec_egress(job->spec) ? failure(&job->err, -ENOTSUP, "egress", job->spec->name) : 0;
}

/* "NAME,NAME" */
static int find_disks(struct job *job, const char *names)
{
	struct spec *spec = job->spec;
	char name[256];
	int rc = 0;

	for (spec->n_disks = 0; names && rc == 0; names = *names ? names + 1 : NULL) {
		size_t n = strcspn(names, ",");

		if (spec->n_disks == SPEC_DISKS || n == 0 || n >= sizeof name) {
			snprintf(job->err.call, sizeof job->err.call, "deploy");
			snprintf(job->err.object, sizeof job->err.object, "ukvmm.disks");
			snprintf(job->err.text, sizeof job->err.text, "it is no list of one to %d names", SPEC_DISKS);
			return -EINVAL;
		}
		snprintf(name, sizeof name, "%.*s", (int)n, names);
		rc = find_image(job, name, spec->disk[spec->n_disks++]);
		names += n;
	}
	return rc;
}

/* On the work thread: what the spec refers to is there, and can be run. */
static void look_up(struct job *job)
{
	const char *initrd = spec_find(&job->spec->annotations, "ukvmm.initrd");
	int fd;

	job->rc = find_image(job, job->spec->image, job->spec->hash);
	job->spec->initrd[0] = 0;
	if (job->rc == 0 && initrd)
		job->rc = find_image(job, initrd, job->spec->initrd);
	if (job->rc == 0)
		job->rc = find_disks(job, spec_find(&job->spec->annotations, "ukvmm.disks"));
	if (job->rc < 0)
		return;
	fd = store_image_open(job->app->store, job->spec->hash);
	if (fd < 0) {
		job->rc = fd;
		return;
	}
	job->rc = job->app->ops->check(job->app->backend, fd, &job->err);
	close(fd);
	if (job->rc == 0)
		job->rc = check_egress(job);
}

/* Since they were found: nothing keeps them before this revision is kept. */
static bool still_there(struct job *job)
{
	const struct spec *spec = job->spec;
	bool there = true;

	for (int i = -2; there && i < (int)spec->n_disks; i++) {
		const char *hash = i == -2 ? spec->hash : i == -1 ? spec->initrd : spec->disk[i];
		int fd = *hash ? store_image_open(job->app->store, hash) : -1;

		there = !*hash || fd >= 0;
		if (fd >= 0)
			close(fd);
	}
	return there;
}

static void put(struct job *job)
{
	if (!still_there(job)) {
		job->rc = failure(&job->err, -EBUSY, "deploy", job->spec->name);
		snprintf(job->err.text, sizeof job->err.text, "an image of it was removed or replaced meanwhile: deploy it again");
		return;
	}
	job->rc = store_put_function(job->app->store, job->spec->name, job->spec->revision, job->text, &job->err);
}

static void kept(struct job *job)
{
	if (job->rc < 0) { /* what would be gone after a restart does not serve now */
		dispatch_revert(job->app->dispatcher, job->spec, job->before);
		job_failed(job);
		return;
	}
	job_say(job, 202, "%s: revision %u is live\n", job->spec->name, job->spec->revision);
}

static void told(struct dispatch_deploy *deploy, const char *why)
{
	struct job *job = (struct job *)((char *)deploy - offsetof(struct job, deploy));
	cJSON *json;

	job->busy = false;
	if (why) {
		job_say(job, 422, "%s: no instance of it became ready, nothing has changed: %s", job->spec->name, why);
		return;
	}
	json = spec_to_json(job->spec, true);
	job->text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (job->text)
		job_work(job, put, kept);
	else
		job_say(job, 503, "out of memory");
}

void functions_try(struct job *job)
{
	struct function *f = dispatch_find(job->app->dispatcher, job->spec->name);
	struct function_view view;

	if (f) {
		dispatch_view(f, &view);
		job->spec->revision = view.spec->revision + 1;
		job->spec->created = view.spec->created;
		job->before = spec_ref(view.spec);
	} else {
		job->spec->revision = 1;
		job->spec->created = (uint64_t)time(NULL);
	}
	job->deploy.told = told;
	job->busy = true;
	job->rc = dispatch_deploy(job->app->dispatcher, job->spec, &job->deploy);
	if (job->rc == 0)
		return;
	job->busy = false;
	if (job->rc == -EBUSY)
		job_say(job, 409, "%s: another deploy of it is under way", job->spec->name);
	else
		job_failed(job);
}

static void looked_up(struct job *job)
{
	struct dispatch_totals totals;

	if (job->rc < 0) {
		job_failed(job);
		return;
	}
	dispatch_totals(job->app->dispatcher, &totals);
	if (job->spec->memory + job->app->ops->overhead > totals.memory_limit) {
		job_say(job, 400, "%s: its memory is more than all instances may have together", job->spec->name);
		return;
	}
	functions_try(job);
}

static void deploy(struct job *job)
{
	char why[SPEC_WHY];
	int rc = spec_from_text(job->body, job->len, &job->spec, why);

	if (rc < 0) {
		job_say(job, rc == -ENOMEM ? 503 : 400, "%s", why);
		return;
	}
	if (job->flag && !dispatch_find(job->app->dispatcher, job->spec->name)) {
		job_say(job, 404, "there is no function %s to update", job->spec->name);
		return;
	}
	for (uint32_t i = 0; i < job->spec->secrets.n; i++)
		if (!secrets_has(job->app->secrets, job->spec->secrets.at[i].name)) {
			job_say(job, 400, "there is no secret %s: create it first", job->spec->secrets.at[i].name);
			return;
		}
	job_work(job, look_up, looked_up);
}

static void update(struct job *job)
{
	job->flag = true;
	deploy(job);
}

void api_functions_deploy(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, deploy);
}

void api_functions_update(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, update);
}

static void drop(struct job *job)
{
	job->rc = store_drop_function(job->app->store, job->name, &job->err);
}

static void dropped(struct job *job)
{
	if (job->rc < 0)
		job_failed(job);
	else
		job_say(job, 202, "%s is removed\n", job->name);
}

static void remove_it(struct job *job)
{
	const char *name = job_member(job, "functionName");

	if (job_elsewhere(job, 404))
		return;
	if (!name || strlen(name) > SPEC_NAME) {
		job_say(job, 400, "functionName is missing");
		return;
	}
	snprintf(job->name, sizeof job->name, "%s", name);
	/* also where there is none: one that could not be dropped for lack of room is dropped by the next try */
	dispatch_remove(job->app->dispatcher, name);
	job_work(job, drop, dropped);
}

void api_functions_remove(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, remove_it);
}
