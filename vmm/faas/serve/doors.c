/* SPDX-License-Identifier: Apache-2.0 */
/* Where clients come in, and where instances are. */
#include <string.h>

#include "api/api.h"
#include "http/call.h"
#include "internal.h"
#include "journal.h"
#include "systemd.h"

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

int doors_open(struct server *s, struct ukvmm_err *err)
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
