/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io_proto.h"

enum { BUFFER = 64 << 20 };

static int checked(int rc, const char *what, const char *object)
{
	if (rc < 0)
		err(2, "%s %s", what, object);
	return rc;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (snprintf(a.sun_path, sizeof a.sun_path, "%s", path) >= (int)sizeof a.sun_path)
		errx(2, "%s: too long for a socket's name", path);
	return a;
}

static int bound(int type, const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = checked(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket", path);

	unlink(path);
	checked(bind(fd, (struct sockaddr *)&a, sizeof a), "bind", path);
	return fd;
}

int peer_listen(const char *path)
{
	int fd = bound(SOCK_STREAM, path);

	checked(listen(fd, 1), "listen", path);
	return fd;
}

int peer_datagram(const char *path)
{
	return bound(SOCK_DGRAM, path);
}

int peer_datagram_to(const char *path, const char *to)
{
	struct sockaddr_un a = address(to);
	int fd = bound(SOCK_DGRAM, path);

	checked(connect(fd, (struct sockaddr *)&a, sizeof a), "connect", to);
	return fd;
}

int peer_connect(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket", path);

	checked(connect(fd, (struct sockaddr *)&a, sizeof a), "connect", path);
	return fd;
}

bool peer_namespace(void)
{
	return unshare(CLONE_NEWNET) == 0;
}

int peer_tap_open(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = checked(open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open", "/dev/net/tun");

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	checked(ioctl(fd, TUNSETIFF, &r), "TUNSETIFF", name);
	return fd;
}

static void up(const char *name, unsigned int mtu)
{
	struct ifreq r = { .ifr_mtu = (int)mtu };
	int fd = checked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", name);

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	checked(ioctl(fd, SIOCSIFMTU, &r), "SIOCSIFMTU", name);
	checked(ioctl(fd, SIOCGIFFLAGS, &r), "SIOCGIFFLAGS", name);
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP | IFF_NOARP);
	checked(ioctl(fd, SIOCSIFFLAGS, &r), "SIOCSIFFLAGS", name);
	close(fd);
}

void peer_tap(const char *name, unsigned int mtu)
{
	int fd = peer_tap_open(name);

	checked(ioctl(fd, TUNSETPERSIST, 1), "TUNSETPERSIST", name);
	up(name, mtu);
	close(fd);
}

int peer_raw(const char *name)
{
	struct ifreq r = { 0 };
	int fd = checked(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(IO_ETHERTYPE)), "socket", "AF_PACKET");
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(IO_ETHERTYPE) };
	int bytes = BUFFER;

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	checked(ioctl(fd, SIOCGIFINDEX, &r), "SIOCGIFINDEX", name);
	a.sll_ifindex = r.ifr_ifindex;
	checked(bind(fd, (struct sockaddr *)&a, sizeof a), "bind", name);
	/* a window of frames must fit, or it is the peer who loses them */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
	return fd;
}
