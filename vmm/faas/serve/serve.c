/* SPDX-License-Identifier: Apache-2.0 */
/* `ukvmm-faas serve`: its parts are made, connected, run, and taken apart again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/app.h"
#include "api/logs.h"
#include "api/metrics.h"
#include "api/secrets.h"
#include "api/spec_json.h"
#include "faas.h"
#include "journal.h"
#include "network.h"
#include "options.h"
#include "report.h"
#include "systemd.h"

struct server {
	struct app app;
	struct serve_options options;
	struct loop_fd signals;
	struct loop_timer deadline; /* of the drain */
	char password[256];
	bool ending, lost;
};

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

/* ---- the end ---- */

static void on_empty(void *arg)
{
	loop_quit(((struct server *)arg)->app.loop);
}

static void on_drained(void *arg)
{
	struct server *s = arg;

	dispatch_stop(s->app.dispatcher, on_empty, s);
}

static void on_drain_late(struct loop_timer *timer)
{
	struct server *s = (struct server *)((char *)timer - offsetof(struct server, deadline));

	journal_server("requests are still under way, and are ended");
	on_drained(s);
}

static void on_signal(struct loop_fd *watch, uint32_t events)
{
	struct server *s = (struct server *)((char *)watch - offsetof(struct server, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof info) != sizeof info)
		return;
	if (s->ending) {
		on_drained(s);
		return;
	}
	s->ending = true;
	journal_server("signal %u: ending once all requests are answered", info.ssi_signo);
	systemd_notify("STOPPING=1");
	loop_timer_in(s->app.loop, &s->deadline, s->options.drain_ns);
	http_drain(s->app.front, on_drained, s);
}

static int watch_signals(struct server *s)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	s->signals.ready = on_signal;
	s->deadline.due = on_drain_late;
	return loop_watch(s->app.loop, &s->signals, fd, EPOLLIN);
}

/* A supervisor starts it anew, with a broker. */
static void on_lost(void *arg)
{
	struct server *s = arg;

	journal_server("the broker is gone, and all instances with it: ending");
	s->lost = true;
	on_drained(s);
}

/* ---- the beginning ---- */

static int read_password(struct server *s)
{
	const char *path = s->options.password_file;
	ssize_t n;
	int fd;

	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, s->password, sizeof s->password - 1);
	if (n < 0)
		report_errno("read", path, errno);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -1;
	s->password[strcspn(s->password, "\r\n")] = 0;
	if (!s->password[0]) {
		report("read", path, "it is empty");
		return -1;
	}
	s->app.user = s->options.user;
	s->app.password = s->password;
	return 0;
}

/* Not of guests that say that they are ready, but of those that call others. */
static void journal_calls(void *app, const struct http_record *record)
{
	if (strncmp(record->target, "/ready/", 7) != 0)
		journal_request(app, record);
}

static int serve_at(struct server *s, const char *where, int given, void (*route)(void *arg, struct call *call),
	bool journal, struct http_server **out, struct ukvmm_err *err)
{
	struct http_config config = { &s->app, route, journal ? journal_calls : NULL, s->options.header_ns,
		s->options.idle_ns, s->options.connections };
	int fd = given;

	if (fd < 0 && strcmp(where, "none") == 0)
		return 0;
	if (fd < 0)
		fd = http_listen(where, err);
	return fd < 0 ? fd : http_new(s->app.loop, fd, &config, out, err);
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

static int make_parts(struct server *s, const struct backend_ops *ops, struct ukvmm_err *err)
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
		rc = watch_signals(s);
	if (rc < 0) {
		err->code = rc;
		snprintf(err->call, sizeof err->call, "start");
		snprintf(err->text, sizeof err->text, "%s", strerror(-rc));
		return rc;
	}
	a->relay = (struct relay_context){ a->loop, a->upstream, a->dispatcher, a, meters_over, meters_begun, journal_instance, 0 };
	return store_open(s->options.state, &a->store, err);
}

/*
 * What clients come to is opened first, then the thread moves to where the instances are: what it opens there, guests
 * may come to.
 */
static int enter_network(struct server *s, bool *closed, struct ukvmm_err *err)
{
	const struct uplink_config config = { s->options.uplink, s->options.addresses, s->options.resolver };
	enum uplink_place place;
	int rc = uplink_new(&config, &s->app.uplink, err);

	if (rc == 0)
		rc = network_enter(s->options.network, closed, err);
	if (rc < 0)
		return rc;
	place = s->options.network == NETWORK_GIVEN ? UPLINK_GIVEN : UPLINK_OWN;
	return uplink_join(s->app.uplink, *closed ? place : UPLINK_OUTSIDE, err);
}

static int open_doors(struct server *s, struct ukvmm_err *err)
{
	struct app *a = &s->app;
	bool closed;
	int rc = serve_at(s, s->options.listen, systemd_socket(0), route_front, true, &a->front, err);

	if (rc == 0)
		rc = serve_at(s, s->options.metrics, systemd_socket(1), route_metrics, false, &a->metrics, err);
	systemd_notify(NULL);
	if (rc == 0)
		rc = enter_network(s, &closed, err);
	if (rc < 0)
		return rc;
	if (!closed)
		journal_server("instances share this network namespace, what they send is not filtered%s",
			s->options.network == NETWORK_AUTO ? " (one of their own needs CAP_SYS_ADMIN)" : "");
	return serve_at(s, s->options.callback, closed ? -1 : systemd_socket(2), route_callback, true, &a->callback, err);
}

static int open_backend(struct server *s, struct ukvmm_err *err)
{
	struct app *a = &s->app;
	struct backend_options options = { s->options.addresses, 0, s->options.pool, s->options.pool_most, dispatch_more,
		a->dispatcher, s->options.no_sandbox, on_lost, s, s->app.uplink };
	int rc;

	options.ready_port = a->callback ? http_port(a->callback) : 0;
	rc = a->ops->open(a->loop, a->work, &dispatch_events, &options, &a->backend, err);
	if (rc < 0)
		return rc;
	dispatch_use(a->dispatcher, a->backend);
	rc = store_each_secret(a->store, keep_secret, a, err);
	return rc < 0 ? rc : store_each_function(a->store, restore, a, err);
}

static void more_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void take_apart(struct server *s)
{
	struct app *a = &s->app;

	http_free(a->front);
	http_free(a->metrics);
	http_free(a->callback);
	work_free(a->work);
	if (a->backend)
		a->ops->close(a->backend);
	uplink_free(s->app.uplink);
	dispatch_free(a->dispatcher);
	upstream_free(a->upstream);
	store_close(a->store);
	logs_free(a->logs);
	meters_free(a->meters);
	secrets_free(a->secrets);
	if (s->signals.events)
		close(s->signals.fd);
	loop_free(a->loop);
	explicit_bzero(s->password, sizeof s->password);
}

static int run(struct server *s)
{
	struct dispatch_totals t;
	char egress[320];

	uplink_text(s->app.uplink, egress, sizeof egress);
	dispatch_totals(s->app.dispatcher, &t);
	journal_server("serving at port %u, metrics at port %u, %u functions, %llu MiB for instances%s",
		http_port(s->app.front), s->app.metrics ? http_port(s->app.metrics) : 0, t.functions,
		(unsigned long long)(t.memory_limit >> 20), s->app.password ? "" : ", /system without a password");
	journal_server("%s", egress);
	if (s->app.ops->notes)
		s->app.ops->notes(s->app.backend, journal_server);
	systemd_notify("READY=1");
	return loop_run(s->app.loop) < 0 || s->lost ? -1 : 0;
}

static int begin_early(struct server *s, const struct backend_ops *ops, struct ukvmm_err *err)
{
	struct backend_options options = { .no_sandbox = s->options.no_sandbox };

	s->app.ops = ops;
	return ops->early ? ops->early(&options, &s->app.backend, err) : 0;
}

int serve_main(int argc, char **argv, const struct backend_ops *ops)
{
	struct server s = { .signals.events = 0 };
	struct ukvmm_err err = { .size = sizeof err };
	bool help;
	int rc = options_read(&s.options, argc, argv, &help);

	if (rc == 0 && !help) {
		journal_as(s.options.json);
		more_files();
		if (begin_early(&s, ops, &err) < 0) {
			report_err(&err, NULL);
			rc = 1;
		}
		if (rc == 0)
			rc = read_password(&s) < 0 ? 1 : 0;
		if (rc == 0 && (make_parts(&s, ops, &err) < 0 || open_doors(&s, &err) < 0 ||
			open_backend(&s, &err) < 0)) {
			report_err(&err, NULL);
			rc = 1;
		}
		if (rc == 0)
			rc = run(&s) < 0;
		take_apart(&s);
		if (rc == 0)
			journal_server("ended");
	}
	options_free(&s.options);
	return rc;
}
