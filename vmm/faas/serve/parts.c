/* SPDX-License-Identifier: Apache-2.0 */
/* The server's parts are made and connected. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/logs.h"
#include "api/metrics.h"
#include "api/secrets.h"
#include "api/spec_json.h"
#include "internal.h"
#include "journal.h"

static void on_log(void *arg, const char *function, const char *instance, const char *bytes, size_t len)
{
	logs_put(((struct app *)arg)->logs, function, instance, bytes, len);
}

static int open_image(void *arg, const char *hash)
{
	return store_image_open(((struct app *)arg)->store, hash);
}

static int open_secrets(void *arg, const struct spec *spec)
{
	return secrets_file(((struct app *)arg)->secrets, spec);
}

static int restore(void *arg, const char *json)
{
	struct app *app = arg;
	struct spec *spec;
	char why[SPEC_WHY];
	int rc = spec_from_text(json, strlen(json), &spec, why);

	if (rc < 0) {
		journal_server("a function in the store cannot be read: %s", why);
		return 0;
	}
	rc = dispatch_restore(app->dispatcher, spec);
	if (rc < 0)
		journal_server("function %s is not served: its image: %s", spec->name, strerror(-rc));
	spec_unref(spec);
	return 0;
}

static int keep_secret(void *arg, const char *name, const void *value, size_t len)
{
	return secrets_set(((struct app *)arg)->secrets, name, value ? value : "", len);
}

int parts_make(struct server *s, const struct backend_ops *ops, struct ukvmm_err *err)
{
	struct app *a = &s->app;
	struct dispatch_config config = { s->options.memory, s->options.starting, a, on_log, journal_instance, open_image,
		open_secrets };
	int rc = loop_new(&a->loop);

	if (rc == 0)
		rc = work_new(a->loop, &a->work);
	if (rc == 0)
		rc = upstream_new(a->loop, &a->upstream);
	if (rc == 0)
		rc = dispatch_new(a->loop, ops, &config, &a->dispatcher);
	a->logs = logs_new();
	a->meters = meters_new();
	a->secrets = secrets_new();
	if (rc == 0 && (!a->logs || !a->meters || !a->secrets))
		rc = -ENOMEM;
	if (rc == 0)
		rc = ending_watch(s);
	if (rc < 0) {
		err->code = rc;
		snprintf(err->call, sizeof err->call, "start");
		snprintf(err->text, sizeof err->text, "%s", strerror(-rc));
		return rc;
	}
	a->relay = (struct relay_context){ a->loop, a->upstream, a->dispatcher, a, meters_over, meters_begun, journal_instance, 0 };
	return store_open(s->options.state, &a->store, err);
}

int parts_open_backend(struct server *s, struct ukvmm_err *err)
{
	struct app *a = &s->app;
	struct backend_options options = { s->options.addresses, 0, s->options.pool, s->options.pool_most, dispatch_more,
		a->dispatcher, s->options.no_sandbox, ending_lost, s, s->app.uplink };
	int rc;

	options.ready_port = a->callback ? http_port(a->callback) : 0;
	rc = a->ops->open(a->loop, a->work, &dispatch_events, &options, &a->backend, err);
	if (rc < 0)
		return rc;
	dispatch_use(a->dispatcher, a->backend);
	rc = store_each_secret(a->store, keep_secret, a, err);
	return rc < 0 ? rc : store_each_function(a->store, restore, a, err);
}
