/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(struct ukvmm_err *err, const char *call, const char *object, int code, const char *cure)
{
	err->code = code;
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->object, sizeof err->object, "%s", object);
	snprintf(err->text, sizeof err->text, "%s%s", strerror(-code), cure);
	return code;
}

/*
 * A namespace begins with its parent's values for IPv4, so all are said. "default" is for taps to come, "all" for
 * every one that is there. Taps in turn: nothing they send is passed on; their source addresses are their own; they do
 * not reach 127.0.0.1; what comes in for one is not routed as its sender likes.
 */
static const struct rule {
	const char *path, *value;
} rules[] = {
	{ "/proc/sys/net/ipv4/conf/all/forwarding", "0" },
	{ "/proc/sys/net/ipv4/conf/default/forwarding", "0" },
	{ "/proc/sys/net/ipv4/conf/all/rp_filter", "1" },
	{ "/proc/sys/net/ipv4/conf/default/rp_filter", "1" },
	{ "/proc/sys/net/ipv4/conf/all/route_localnet", "0" },
	{ "/proc/sys/net/ipv4/conf/default/route_localnet", "0" },
	{ "/proc/sys/net/ipv4/conf/all/proxy_arp", "0" },
	{ "/proc/sys/net/ipv4/conf/default/proxy_arp", "0" },
	{ "/proc/sys/net/ipv4/conf/all/accept_source_route", "0" },
	{ "/proc/sys/net/ipv4/conf/default/accept_source_route", "0" },
	{ "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1" },
	{ "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1" },
};

/*
 * Only where there are rules that say what is passed on. Nobody is told of a better way: there is none. Connections to
 * instances outlive a server that was killed, and this namespace with its uplink does with them: not for long.
 */
static const struct rule forwarding[] = {
	{ "/proc/sys/net/ipv4/conf/all/send_redirects", "0" },
	{ "/proc/sys/net/ipv4/conf/default/send_redirects", "0" },
	{ "/proc/sys/net/ipv4/tcp_orphan_retries", "1" },
	{ "/proc/sys/net/ipv4/conf/all/forwarding", "1" },
};

static bool holds(const struct rule *rule)
{
	char now[2];
	int fd = open(rule->path, O_RDONLY | O_CLOEXEC);
	bool same;

	if (fd < 0)
		return errno == ENOENT; /* a kernel without IPv6 */
	same = read(fd, now, sizeof now) == 2 && now[0] == rule->value[0] && now[1] == '\n';
	close(fd);
	return same;
}

/* Only what does not hold is written: /proc/sys may be read-only, and right. */
static int set(const struct rule *rule)
{
	int fd, rc;

	if (holds(rule))
		return 0;
	fd = open(rule->path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = write(fd, rule->value, 1) == 1 ? 0 : -errno;
	close(fd);
	return rc == 0 && !holds(rule) ? -EIO : rc;
}

static int set_all(const struct rule *list, size_t n, const char *cure, struct ukvmm_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = set(&list[i]);
		if (rc < 0)
			fail(err, "write", list[i].path, rc, cure);
	}
	return rc;
}

int network_forward(struct ukvmm_err *err)
{
	return set_all(forwarding, sizeof forwarding / sizeof forwarding[0], "", err);
}

/* The callback may be asked to listen at 127.0.0.1. */
static int raise_loopback(struct ukvmm_err *err)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int rc, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(err, "socket", "lo", -errno, "");
	rc = ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? fail(err, "SIOCSIFFLAGS", "lo", -errno, "") : 0;
	close(fd);
	return rc;
}

int network_enter(enum network how, bool *closed, struct ukvmm_err *err)
{
	int rc;

	*closed = false;
	if (how == NETWORK_SHARED)
		return 0;
	if (how != NETWORK_GIVEN && unshare(CLONE_NEWNET) < 0) {
		if (how == NETWORK_AUTO && errno == EPERM)
			return 0;
		return fail(err, "unshare", "network namespace", -errno, "; see --network");
	}
	rc = set_all(rules, sizeof rules / sizeof rules[0], "; --network shared goes on without", err);
	if (rc == 0 && how != NETWORK_GIVEN)
		rc = raise_loopback(err);
	*closed = rc == 0;
	return rc;
}
