/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parse.h"
#include "rate_fill.h"
#include "report.h"
#include "tap.h"

enum { MTU_MIN = 68, MTU_ETHERNET = 1500, MTU_MAX = 65521 };

/* A connected stream, or -1 after a report. */
static int connect_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof to.sun_path) {
		report_errno("connect", path, ENAMETOOLONG);
		return -1;
	}
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	report_errno("connect", path, errno);
	return -1;
}

static const char *tap_cure(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "; give it to you with: ip tuntap add NAME mode tap user $USER";
	case -EBUSY:
		return "; another process holds it";
	case -EINVAL:
		return "; it is no tap of one queue, or its name has a %, a / or a blank";
	default:
		return "";
	}
}

static int open_tap(const char *name)
{
	const char *call;
	int fd = tap_open(name, &call);

	if (fd >= 0)
		return fd;
	if (strcmp(call, "TUNSETIFF") != 0)
		report("open", "/dev/net/tun", "%s; taps need it (modprobe tun, and the right to open it); --net passt "
			"does not", strerror(-fd));
	else
		report(call, name, "%s%s", strerror(-fd), tap_cure(fd));
	return -1;
}

/* An fd that we were born with: a passt, or any program that we start, is not to have it. */
static int take_over(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0)
		return fd;
	report("run", "--net", "file descriptor %d is not open", fd);
	return -1;
}

int net_open(struct net *n, const struct net_options *o, const char *name)
{
	n->fd = -1;
	n->passt = (struct passt){ .fd = -1 };
	switch (o->to) {
	case NET_TO_FD:
	case NET_TO_SOCKET:
		n->fd = take_over(o->fd);
		break;
	case NET_TO_TAP:
		n->fd = open_tap(o->where);
		break;
	case NET_TO_UNIX:
		n->fd = connect_unix(o->where);
		break;
	case NET_TO_PASST:
		if (passt_start(&n->passt, o, name) < 0)
			return -1;
		n->fd = n->passt.fd;
		break;
	default:
		return 0;
	}
	return n->fd < 0 ? -1 : 0;
}

static uint32_t kind(enum net_to to)
{
	switch (to) {
	case NET_TO_TAP:
	case NET_TO_FD:
		return UKVMM_NET_TAP;
	case NET_TO_SOCKET:
		return UKVMM_NET_PACKET;
	case NET_TO_UNIX:
	case NET_TO_PASST:
		return UKVMM_NET_STREAM;
	default:
		return UKVMM_NET_NONE;
	}
}

void net_describe(const struct net_options *o, const char *name, char *text, size_t len)
{
	if (o->where)
		snprintf(text, len, "%s", o->where);
	else if (o->fd >= 0)
		snprintf(text, len, "%s, file descriptor %d", name, o->fd);
	else
		snprintf(text, len, "%s", name);
}

/* A tap that was made for larger frames than Ethernet's, or smaller, is of use only to a guest that knows. 0: it is
 * Ethernet's, or cannot be told. */
static uint32_t tap_mtu(const char *tap)
{
	char path[64], text[16] = { 0 };
	uint32_t mtu;
	int fd;

	if (strchr(tap, '/') ||
		snprintf(path, sizeof path, "/sys/class/net/%s/mtu", tap) >= (int)sizeof path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) > 0)
		text[strcspn(text, "\n")] = 0;
	close(fd);
	return parse_u32(text, MTU_MIN, MTU_MAX, &mtu) < 0 || mtu == MTU_ETHERNET ? 0 : mtu;
}

void net_fill(const struct net *n, const struct net_options *o, const char *name, struct message_net *m)
{
	*m = (struct message_net){ .kind = kind(o->to), .flags = o->flags, .mtu = o->mtu, .fd = n->fd,
		.rx = rate_fill(&o->rx), .tx = rate_fill(&o->tx) };
	memcpy(m->mac, o->mac, sizeof o->mac);
	snprintf(m->name, sizeof m->name, "%s", name);
	if (o->to == NET_TO_TAP && o->where && !m->mtu)
		m->mtu = tap_mtu(o->where);
}
