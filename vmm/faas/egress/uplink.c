/* SPDX-License-Identifier: Apache-2.0 */
/* The uplink as a whole: what is looked up in the host's namespace, and why there is none. */
#include "uplink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "failure.h"
#include "internal.h"
#include "link.h"
#include "serve/network.h"

enum { PAIR = 1 << (32 - PAIR_BITS) };

void uplink_because(struct uplink *u, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(u->why, sizeof u->why, fmt, args);
	va_end(args);
}

struct mnl_socket *uplink_socket(int protocol)
{
	struct mnl_socket *s = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	int room = BATCH_ROOM;

	if (s) /* what is sent at once has to fit; where it does not, sending says so */
		setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		return NULL;
	}
	return s;
}

static void find_holder(struct uplink *u)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct sockaddr_in a = { 0 };

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&a, i->ifa_addr, sizeof a);
		if ((ntohl(a.sin_addr.s_addr) & ~(uint32_t)(PAIR - 1)) == (u->host & ~(uint32_t)(PAIR - 1)))
			snprintf(u->holder, sizeof u->holder, "%s", i->ifa_name);
	}
	freeifaddrs(all);
}

/* What a new interface of the host's would do. */
static bool does_forward(void)
{
	int fd = open("/proc/sys/net/ipv4/conf/default/forwarding", O_RDONLY | O_CLOEXEC);
	char digit = '0';

	if (fd < 0)
		return false;
	if (read(fd, &digit, 1) != 1)
		digit = '0';
	close(fd);
	return digit == '1';
}

static bool is_wanted(const struct uplink *u)
{
	return strcmp(u->how, "none") != 0;
}

bool uplink_is_named(const struct uplink *u)
{
	return is_wanted(u) && strcmp(u->how, "auto") != 0;
}

int uplink_new(const struct uplink_config *config, struct uplink **out, struct ukvmm_err *err)
{
	struct uplink *u = calloc(1, sizeof *u);
	uint32_t address;
	int rc = u ? block_read(config->addresses, &u->block, &u->block_bits) : -ENOMEM;

	if (rc < 0) {
		free(u);
		return failure(err, rc, "addresses", config->addresses);
	}
	if (resolver_find(config->resolver, &address) == -EINVAL) {
		free(u);
		return failure(err, -EINVAL, "resolver", config->resolver);
	}
	u->how = config->how;
	u->resolver = config->resolver;
	u->small = u->block_bits > PAIR_BITS - 1;
	u->host = (u->block | ~(u->block_bits ? ~0u << (32 - u->block_bits) : 0)) - (PAIR - 1) + 1;
	u->common = u->host + 1;
	u->naming = u->host + 2;
	uplink_because(u, "there is no uplink: serve was told --uplink none");
	*out = u;
	if (!is_wanted(u))
		return 0;
	u->host_route = uplink_socket(NETLINK_ROUTE);
	u->host_rules = uplink_socket(NETLINK_NETFILTER);
	find_holder(u);
	u->forwards = does_forward();
	return 0;
}

static int set_up_rules(struct uplink *u, struct ukvmm_err *err)
{
	struct in_addr nobody = { 0 };
	int rc;

	u->rules = uplink_socket(NETLINK_NETFILTER);
	if (!u->rules)
		return failure(err, -errno, "socket", "netlink");
	rc = tables_own(u, err);
	if (rc == 0)
		rc = forget_connections(u->rules, nobody, err); /* can it be done? */
	return rc < 0 ? rc : network_forward(err);
}

/* Half an uplink is none. */
static void take_down(struct uplink *u)
{
	struct mnl_socket **sockets[] = { &u->host_route, &u->host_rules, &u->rules };

	if (u->outside[0] && u->host_route)
		link_delete(u->host_route, u->outside);
	for (int i = 0; i < 3; i++) {
		if (*sockets[i])
			mnl_socket_close(*sockets[i]);
		*sockets[i] = NULL;
	}
	u->outside[0] = 0;
}

int uplink_join(struct uplink *u, enum uplink_place place, struct ukvmm_err *err)
{
	int rc;

	if (!is_wanted(u))
		return 0;
	if (!u->host_route || !u->host_rules) {
		uplink_because(u, "there is no uplink: this process may have no netlink sockets");
		return uplink_is_named(u) ? failure(err, -EAFNOSUPPORT, "socket", "netlink") : 0;
	}
	rc = batch_new(&u->batch, TABLE_OWN);
	if (rc < 0)
		return failure(err, rc, "malloc", "uplink");
	u->why[0] = 0;
	if (place == UPLINK_OUTSIDE) {
		uplink_because(u, "instances share a network namespace, where nothing is filtered: see --network");
		rc = failure(err, -ENOTSUP, "uplink", u->how);
	} else {
		rc = place == UPLINK_OWN ? place_own(u, err) : place_given(u, err);
	}
	if (rc == 0)
		rc = set_up_rules(u, err);
	if (rc == 0)
		return 0;
	if (!u->why[0])
		uplink_because(u, "there is no uplink: %.31s(%.63s): %.80s", err->call, err->object, err->text);
	take_down(u);
	return uplink_is_named(u) ? rc : 0;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	take_down(u);
	batch_free(&u->batch);
	free(u);
}

const char *uplink_missing(const struct uplink *u)
{
	return u->why[0] ? u->why : NULL;
}

void uplink_text(const struct uplink *u, char *text, size_t n)
{
	struct in_addr resolver = { 0 };
	char address[INET_ADDRSTRLEN] = "";
	uint32_t found;

	if (u->why[0]) {
		snprintf(text, n, "functions have no egress: %s", u->why);
		return;
	}
	if (resolver_find(u->resolver, &found) == 0)
		resolver.s_addr = htonl(found);
	snprintf(text, n, "functions have egress by %s%s%s, DNS from %s", u->own ? u->outside : u->inside,
		u->own && uplink_is_named(u) ? " and " : "", u->own && uplink_is_named(u) ? u->how : "",
		resolver.s_addr ? inet_ntop(AF_INET, &resolver, address, sizeof address) : "nobody");
}
