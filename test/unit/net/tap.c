/* SPDX-License-Identifier: Apache-2.0 */
/* The tap back end, in a network namespace of the test's own; skipped where it may not make one. */
#include "frames.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/error.h>

enum { SKIPPED = 77, PROTOCOL = 0x88b5 /* IEEE 802: local experimental */ };

static uint8_t buf[NET_BUFFER], out[NET_BUFFER];

static void file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	(void)n;
	if (fd >= 0)
		close(fd);
}

/* A namespace in which a tap can be made. Root needs no user namespace, others do. */
static bool enter(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();
	int tun;

	if (unshare(CLONE_NEWNET)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
			return false;
		file_write("/proc/self/setgroups", "deny");
		snprintf(map, sizeof map, "0 %u 1", uid);
		file_write("/proc/self/uid_map", map);
		snprintf(map, sizeof map, "0 %u 1", gid);
		file_write("/proc/self/gid_map", map);
	}
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0)
		return false;
	close(tun);
	return true;
}

static int raw_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROTOCOL));

	assert_true(fd >= 0);
	return fd;
}

static void link_set(const char *name, bool is_up)
{
	struct ifreq r = { .ifr_flags = is_up ? IFF_UP : 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

/* The host's end of it. */
static int bound_to(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(PROTOCOL) };
	struct ifreq r = { 0 };
	int fd = raw_socket();

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFINDEX, &r), 0);
	at.sll_ifindex = r.ifr_ifindex;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void link_delete(const char *name)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} m = { .h = { .nlmsg_len = sizeof m, .nlmsg_type = RTM_DELLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		uint8_t more[256];
	} answer;
	struct ifreq r = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), inet = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	assert_int_equal(ioctl(inet, SIOCGIFINDEX, &r), 0);
	m.i.ifi_index = r.ifr_ifindex;
	assert_int_equal(send(fd, &m, sizeof m, 0), sizeof m);
	assert_true(recv(fd, &answer, sizeof answer, 0) >= (ssize_t)sizeof(struct nlmsghdr) + 4);
	assert_int_equal(answer.h.nlmsg_type, NLMSG_ERROR);
	assert_int_equal(answer.e.error, 0);
	close(fd);
	close(inet);
}

static size_t ethernet(uint8_t *to, size_t len, uint8_t seed)
{
	size_t n = frame_make(to, len, seed);

	memset(to + NET_HDR, 0xff, 6);
	to[NET_HDR + 6] &= 0xfe;
	to[NET_HDR + 12] = PROTOCOL >> 8;
	to[NET_HDR + 13] = PROTOCOL & 0xff;
	return n;
}

/* The next frame that is ours: the kernel sends some of its own (IPv6). */
static int64_t get(struct net_backend *b)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };

	for (;;) {
		int64_t n = b->ops->recv(b, out);

		if (n == -EAGAIN) {
			assert_int_equal(poll(&p, 1, 100000), 1);
			continue;
		}
		if (n < 0 || (out[NET_HDR + 12] == PROTOCOL >> 8 && out[NET_HDR + 13] == (PROTOCOL & 0xff)))
			return n;
	}
}

static void frames_pass_between_tap_and_host(void **unused)
{
	struct iovec iov[NET_PIECES];
	struct net_backend *b;
	int host;

	(void)unused;
	assert_int_equal(net_tap_open(&b, "uktest0", "net0", NULL), 0);
	assert_int_equal(b->offloads, NET_CSUM | NET_TSO4 | NET_TSO6);
	link_set("uktest0", true);
	host = bound_to("uktest0");
	for (size_t len = 60; len <= 1514; len += 727) {
		size_t n = ethernet(buf, len, (uint8_t)len);

		assert_int_equal(b->ops->send(b, buf, n), 0);
		assert_int_equal(b->ops->flush(b), 0);
		assert_int_equal(recv(host, out, sizeof out, 0), len);
		assert_memory_equal(out, buf + NET_HDR, len);

		assert_int_equal(b->ops->sendv(b, iov, frame_cut(iov, buf, n, 5), n), 0);
		assert_int_equal(recv(host, out, sizeof out, 0), len);
		assert_memory_equal(out, buf + NET_HDR, len);

		assert_int_equal(send(host, buf + NET_HDR, len, 0), len);
		assert_int_equal(get(b), n);
		assert_memory_equal(out + NET_HDR, buf + NET_HDR, len);
	}
	close(host);
	b->ops->close(b);
}

/* IPv4 and TCP, 32000 bytes of it, to be cut to 1460 by the other side. */
static size_t tso_frame(uint8_t *to)
{
	static const uint8_t ip[] = { 0x45, 0, 0x7d, 0x28, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2 };
	size_t n = ethernet(to, 14 + 20 + 20 + 32000, 1);

	memset(to, 0, NET_HDR);
	to[0] = 1; /* NEEDS_CSUM */
	to[1] = 1; /* TCPV4 */
	to[2] = 54; /* hdr_len */
	to[4] = 1460 & 0xff;
	to[5] = 1460 >> 8;
	to[6] = 34; /* csum_start */
	to[8] = 16;
	to[NET_HDR + 12] = 8;
	to[NET_HDR + 13] = 0;
	memcpy(to + NET_HDR + 14, ip, sizeof ip);
	memset(to + NET_HDR + 34, 0, 20);
	to[NET_HDR + 34 + 12] = 5 << 4;
	return n;
}

static void large_segments_pass_and_bad_headers_do_no_harm(void **unused)
{
	struct net_backend *b;
	size_t n = tso_frame(buf);

	(void)unused;
	assert_int_equal(net_tap_open(&b, "uktest1", "net0", NULL), 0);
	link_set("uktest1", true);
	assert_int_equal(b->ops->offload(b, b->offloads), 0);
	assert_int_equal(b->ops->send(b, buf, n), 0);
	buf[3] = 0xff; /* hdr_len past the frame */
	assert_int_equal(b->ops->send(b, buf, n), -EINVAL);
	buf[1] = 0x7e; /* no such type */
	assert_int_equal(b->ops->send(b, buf, n), -EINVAL);
	n = tso_frame(buf);
	assert_int_equal(b->ops->send(b, buf, n), 0);
	b->ops->close(b);
}

static void down_is_a_lost_frame_and_deleted_is_the_end(void **unused)
{
	struct net_backend *b;
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	size_t n = ethernet(buf, 60, 1);

	(void)unused;
	snprintf(r.ifr_name, sizeof r.ifr_name, "uktest2");
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(net_tap_fd(&b, fd, "net0", NULL), 0);
	close(fd);
	assert_int_equal(b->ops->send(b, buf, n), -EIO);
	assert_int_equal(b->ops->recv(b, out), -EAGAIN);
	link_set("uktest2", true);
	assert_int_equal(b->ops->send(b, buf, n), 0);
	link_delete("uktest2");
	assert_int_equal(b->ops->recv(b, out), -EPIPE);
	assert_int_equal(b->ops->recv(b, out), -EPIPE);
	assert_true(b->ops->send(b, buf, n) < 0);
	b->ops->close(b);
}

static void what_is_no_tap_of_the_right_kind_is_refused(void **unused)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct net_backend *b, *other;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)unused;
	assert_int_equal(net_tap_fd(&b, fd, "net0", &err), -EBADFD);
	assert_string_equal(err.call, "TUNGETIFF");
	snprintf(r.ifr_name, sizeof r.ifr_name, "uktest3");
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(net_tap_fd(&b, fd, "net0", &err), -EBADFD);
	assert_non_null(strstr(err.text, "IFF_VNET_HDR"));
	assert_int_equal(net_tap_fd(&b, null, "net0", &err), -ENOTTY);
	assert_int_equal(net_tap_fd(&b, -1, "net0", &err), -EBADF);
	assert_int_equal(net_tap_open(&b, "", "net0", &err), -EINVAL);
	assert_int_equal(net_tap_open(&b, "a-name-that-is-too-long", "net0", &err), -EINVAL);
	assert_int_equal(net_tap_open(&b, "tap%d", "net0", &err), -EINVAL);
	assert_null(b);
	assert_int_equal(net_tap_open(&b, "uktest4", "net0", &err), 0);
	assert_int_equal(net_tap_open(&other, "uktest4", "net1", &err), -EBUSY);
	assert_string_equal(err.call, "TUNSETIFF");
	assert_string_equal(err.object, "net1");
	assert_non_null(strstr(err.text, "uktest4"));
	b->ops->close(b);
	close(fd);
	close(null);
}

static void rebind_goes_to_another_tap(void **unused)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct net_backend *b;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), host;

	(void)unused;
	assert_int_equal(net_tap_open(&b, "uktest5", "net0", NULL), 0);
	snprintf(r.ifr_name, sizeof r.ifr_name, "uktest6");
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(b->ops->rebind(b, STDERR_FILENO), -ENOTTY);
	assert_int_equal(b->ops->rebind(b, fd), 0);
	link_set("uktest6", true);
	host = bound_to("uktest6");
	assert_int_equal(b->ops->send(b, buf, ethernet(buf, 60, 1)), 0);
	assert_int_equal(recv(host, out, sizeof out, 0), 60);
	close(host);
	close(fd);
	b->ops->close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_between_tap_and_host),
		cmocka_unit_test(large_segments_pass_and_bad_headers_do_no_harm),
		cmocka_unit_test(down_is_a_lost_frame_and_deleted_is_the_end),
		cmocka_unit_test(what_is_no_tap_of_the_right_kind_is_refused),
		cmocka_unit_test(rebind_goes_to_another_tap),
	};

	if (!enter()) {
		printf("skipped: no network namespace or /dev/net/tun for this user\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
