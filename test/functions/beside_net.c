/* SPDX-License-Identifier: Apache-2.0 */
#include "beside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_S = 120, ATTEMPTS = 32, FAST = 16, FAST_MS = 10, SLOW_MS = 100, BUSY_US = 100 * 1000 * 1000 };

const uint8_t net_mac[8] = { 2, 0, 0, 9, 0, 2 };

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		beside_skip("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void enter(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (!unshare(CLONE_NEWNET))
		return;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		beside_skip("no network namespace: %s", strerror(errno));
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

static void set(int fd, unsigned long request, struct ifreq *r, const char *what)
{
	if (ioctl(fd, request, r))
		beside_skip("%s of %s: %s", what, r->ifr_name, strerror(errno));
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	inet_pton(AF_INET, text, &a.sin_addr);
	return a;
}

static void up(int fd, const char *name, unsigned mtu, const char *ip)
{
	struct ifreq r = { .ifr_flags = 0 };
	struct sockaddr_in a;

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (mtu) {
		r.ifr_mtu = (int)mtu;
		set(fd, SIOCSIFMTU, &r, "the MTU");
	}
	if (ip) {
		a = address(ip);
		memcpy(&r.ifr_addr, &a, sizeof a);
		set(fd, SIOCSIFADDR, &r, "the address");
		a = address("255.255.255.0");
		memcpy(&r.ifr_netmask, &a, sizeof a);
		set(fd, SIOCSIFNETMASK, &r, "the netmask");
	}
	set(fd, SIOCGIFFLAGS, &r, "the flags");
	r.ifr_flags |= IFF_UP;
	set(fd, SIOCSIFFLAGS, &r, "the flags");
}

/* The guest need not be asked for its address: what is sent before it runs waits in the tap. */
static void know_guest(int fd)
{
	struct arpreq arp = { .arp_flags = ATF_PERM | ATF_COM };
	struct sockaddr_in a = address(NET_IP);

	memcpy(&arp.arp_pa, &a, sizeof a);
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(arp.arp_ha.sa_data, net_mac, 6);
	snprintf(arp.arp_dev, sizeof arp.arp_dev, "%s", NET_TAP);
	if (ioctl(fd, SIOCSARP, &arp))
		beside_skip("the neighbour: %s", strerror(errno));
}

/* The process that had it may have been killed just now, and its worker still be about to end. */
static int attach(int tun, struct ifreq *r)
{
	double end = beside_us() + BUSY_US;
	int rc;

	do
		rc = ioctl(tun, TUNSETIFF, r);
	while (rc && errno == EBUSY && beside_us() < end);
	return rc;
}

int net_tap(void)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", NET_TAP);
	if (tun < 0 || attach(tun, &r) || ioctl(tun, TUNSETPERSIST, 1))
		beside_skip("no tap: %s", strerror(errno));
	return tun;
}

void net_enter(unsigned mtu)
{
	int fd;

	enter();
	close(net_tap());
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		beside_die("socket: %s", strerror(errno));
	up(fd, "lo", 0, NULL);
	up(fd, NET_TAP, mtu, "10.9.0.1");
	know_guest(fd);
	close(fd);
}

static int begin(void)
{
	struct sockaddr_in a = address(NET_IP);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sin_port = htons(NET_PORT);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS))
		beside_die("connect: %s", strerror(errno));
	return fd;
}

/* TCP repeats itself after a second only: where the first packet is lost, the next attempt is that much earlier. */
static int connected(int timeout_ms)
{
	struct pollfd wait[ATTEMPTS];
	double until = beside_us() + timeout_ms * 1e3;
	int n = 0, won = -1, error;
	socklen_t len = sizeof error;

	while (won < 0 && beside_us() < until) {
		if (n == ATTEMPTS) {
			close(wait[0].fd);
			memmove(wait, wait + 1, (size_t)--n * sizeof *wait);
		}
		wait[n++] = (struct pollfd){ .fd = begin(), .events = POLLOUT };
		if (poll(wait, (nfds_t)n, n < FAST ? FAST_MS : SLOW_MS) <= 0)
			continue;
		for (int i = 0; i < n && won < 0; i++)
			if (wait[i].revents && !getsockopt(wait[i].fd, SOL_SOCKET, SO_ERROR, &error, &len) && !error)
				won = wait[i].fd;
	}
	for (int i = 0; i < n; i++)
		if (wait[i].fd != won)
			close(wait[i].fd);
	return won;
}

int net_connect(int timeout_ms)
{
	struct timeval most = { ANSWER_S, 0 };
	int fd = connected(timeout_ms), one = 1;

	if (fd < 0)
		beside_die("the guest does not take a connection");
	fcntl(fd, F_SETFL, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	return fd;
}
