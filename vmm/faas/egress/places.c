/* SPDX-License-Identifier: Apache-2.0 */
/* Where the uplink comes from: a pair that is made, or an interface that is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "internal.h"
#include "link.h"

enum { NAMES = 100 };

/* ---- a pair of our own ---- */

static int make_pair(struct uplink *u, struct ukvmm_err *err)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), rc = -EEXIST;

	if (fd < 0)
		return failure(err, -errno, "open", "network namespace");
	snprintf(u->inside, sizeof u->inside, "uplink");
	for (int i = 0; i < NAMES && rc == -EEXIST; i++) {
		snprintf(u->outside, sizeof u->outside, "ukvmm%d", i);
		rc = link_pair(u->host_route, u->outside, u->inside, fd, err);
	}
	close(fd);
	return rc;
}

/* The rules of the host's end are there before it is up. */
static int set_up_host(struct uplink *u, struct ukvmm_err *err)
{
	int rc = tables_host(u, uplink_is_named(u) ? u->how : NULL, err), index;

	if (rc < 0)
		return rc;
	index = link_index(u->host_route, u->outside, err);
	rc = index < 0 ? index : link_address(u->host_route, index, u->host, PAIR_BITS, err);
	if (rc == 0)
		rc = link_no_ipv6(u->host_route, index, err);
	return rc < 0 ? rc : link_up(u->host_route, index, err);
}

static int set_up_inside(struct uplink *u, struct ukvmm_err *err)
{
	struct mnl_socket *s = uplink_socket(NETLINK_ROUTE);
	int rc, index;

	if (!s)
		return failure(err, -errno, "socket", "netlink");
	rc = index = link_index(s, u->inside, err);
	if (rc >= 0)
		rc = link_address(s, index, u->common, PAIR_BITS, err);
	if (rc == 0)
		rc = link_address(s, index, u->naming, PAIR_BITS, err);
	if (rc == 0)
		rc = link_up(s, index, err);
	if (rc == 0)
		rc = link_default_route(s, index, u->host, err);
	mnl_socket_close(s);
	return rc;
}

/*
 * A namespace may outlive the server that made it, if that was killed, by a second or so, and with it the pair. Its table
 * does not.
 */
static bool take_over(struct uplink *u)
{
	if (strncmp(u->holder, "ukvmm", 5) != 0 || !tables_host_free(u, u->holder))
		return false;
	link_delete(u->host_route, u->holder);
	return true;
}

int place_own(struct uplink *u, struct ukvmm_err *err)
{
	int rc;

	u->own = true;
	failure(err, -ENOTSUP, "uplink", u->how);
	if (u->small)
		uplink_because(u, "the block of addresses is too small for an uplink: it needs a /28");
	else if (u->holder[0] && !take_over(u))
		uplink_because(u, "the host has the last eight of the block of addresses already: choose another with --addresses");
	else if (!u->forwards)
		uplink_because(u, "the host does not forward packets: sysctl net.ipv4.ip_forward=1 makes it a router");
	else
		u->why[0] = 0;
	if (u->why[0]) {
		snprintf(err->text, sizeof err->text, "%.*s", (int)sizeof err->text - 1, u->why);
		return -ENOTSUP;
	}
	rc = uplink_is_named(u) ? link_index(u->host_route, u->how, err) : 0;
	if (rc >= 0)
		rc = make_pair(u, err);
	if (rc == 0)
		rc = set_up_host(u, err);
	return rc < 0 ? rc : set_up_inside(u, err);
}

/* ---- one that is there ---- */

/* The interface of the default route. */
static bool find_default(char name[IFNAMSIZ])
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256], mask[16], to[16];
	bool found = false;

	if (!f)
		return false;
	for (int i = 0; !found && i < 10000 && fgets(line, sizeof line, f); i++)
		found = sscanf(line, "%15s %15s %*s %*s %*s %*s %*s %15s", name, to, mask) == 3 &&
			strcmp(to, "00000000") == 0 && strcmp(mask, "00000000") == 0;
	fclose(f);
	return found;
}

int place_given(struct uplink *u, struct ukvmm_err *err)
{
	int rc;

	if (!uplink_is_named(u) && !find_default(u->inside)) {
		uplink_because(u, "there is no uplink: the namespace that was given has no default route");
		return -ENOTSUP;
	}
	if (uplink_is_named(u))
		snprintf(u->inside, sizeof u->inside, "%s", u->how);
	rc = link_index(u->host_route, u->inside, err);
	return rc < 0 ? rc : 0;
}
