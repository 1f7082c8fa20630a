/* SPDX-License-Identifier: Apache-2.0 */
/* `ukvmm-faas serve`: its parts are made, run, and taken apart again. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/logs.h"
#include "api/metrics.h"
#include "api/secrets.h"
#include "faas.h"
#include "internal.h"
#include "journal.h"
#include "report.h"
#include "systemd.h"

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
		if (rc == 0 && (parts_make(&s, ops, &err) < 0 || doors_open(&s, &err) < 0 ||
			parts_open_backend(&s, &err) < 0)) {
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
