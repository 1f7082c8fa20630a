/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm_rt.h on a tap of the host, so that network stack, server and functions run as a normal process:
 *   PROGRAM TAP [NAME=VALUE...], the words being those of the guest's command line, and plain=1: no offloads. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "task.h"
#include "ukvmm_rt.h"

enum { FLIGHT = 64, FRAME = 65600 };

static struct {
	char **word;
	int tap;
	bool offloads;
	struct {
		void (*done)(void *arg);
		void *arg;
	} flight[FLIGHT];
	uint32_t n_flight;
} host;

/* for programs that are linked with no other */
const struct tasks tasks_at __attribute__((weak)) = { NULL, NULL, NULL, NULL };

static uint64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t rt_now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

uint64_t rt_realtime(void)
{
	return clock_of(CLOCK_REALTIME);
}

void rt_wait(uint64_t until)
{
	struct pollfd fd = { .fd = host.tap, .events = POLLIN };
	uint64_t now = rt_now();
	int ms = !until ? -1 : until <= now ? 0 : (int)((until - now) / 1000000 + 1);

	if (poll(&fd, 1, host.n_flight ? 0 : ms) < 0 && errno != EINTR)
		rt_panic("poll: %s", strerror(errno));
}

void rt_kick(void)
{
}

void rt_ready(uint32_t value)
{
	printf("ready %u\n", value);
	fflush(stdout);
}

void rt_exit(int status)
{
	exit(status);
}

void rt_panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	abort();
}

void rt_log(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void rt_random(void *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		rt_panic("getrandom");
}

size_t rt_memory_left(void)
{
	return 128u << 20;
}

const char *rt_arg(const char *name)
{
	size_t len = strlen(name);

	for (char **word = host.word; *word; word++) {
		if (!strncmp(*word, name, len) && (*word)[len] == '=')
			return *word + len + 1;
	}
	return NULL;
}

bool rt_initrd(const uint8_t **bytes, size_t *len)
{
	(void)bytes;
	(void)len;
	return false;
}

bool rt_net_open(struct rt_net_info *info)
{
	*info = (struct rt_net_info){ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500 };
	if (rt_arg("mtu"))
		info->mtu = (uint16_t)atoi(rt_arg("mtu"));
	if (host.offloads)
		info->features = RT_NET_CSUM | RT_NET_TSO;
	return true;
}

static struct virtio_net_hdr header(const struct rt_net_offload *o)
{
	struct virtio_net_hdr h = { 0 };

	if (!o || !o->csum_start)
		return h;
	h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h.csum_start = o->csum_start;
	h.csum_offset = o->csum_offset;
	h.gso_type = o->segment ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE;
	h.gso_size = o->segment;
	h.hdr_len = o->headers;
	return h;
}

bool rt_net_send(const struct rt_piece *piece, uint32_t n, const struct rt_net_offload *offload,
	void (*done)(void *arg), void *arg)
{
	struct virtio_net_hdr h = header(offload);
	struct iovec iov[RT_NET_PIECES + 1] = { { &h, sizeof h } };

	if (host.n_flight == FLIGHT || n > RT_NET_PIECES)
		return false;
	for (uint32_t i = 0; i < n; i++)
		iov[i + 1] = (struct iovec){ (void *)(uintptr_t)piece[i].at, piece[i].len };
	if (writev(host.tap, iov, (int)n + 1) < 0 && errno != EAGAIN && errno != EIO)
		rt_panic("writev: %s", strerror(errno));
	host.flight[host.n_flight].done = done;
	host.flight[host.n_flight++].arg = arg;
	return true;
}

static uint32_t land(void)
{
	uint32_t n = host.n_flight;

	while (host.n_flight) {
		host.n_flight--;
		host.flight[host.n_flight].done(host.flight[host.n_flight].arg);
	}
	return n;
}

uint32_t rt_net_poll(void (*frame)(void *arg, const struct rt_piece *piece, uint32_t n, bool checked), void *arg,
	uint32_t max)
{
	static uint8_t bytes[FRAME];
	struct virtio_net_hdr h;
	struct iovec iov[] = { { &h, sizeof h }, { bytes, sizeof bytes } };
	uint32_t n = 0, landed = land(), half;
	ssize_t len;

	for (; n < max; n++) {
		len = readv(host.tap, iov, 2);
		if (len < (ssize_t)sizeof h)
			break;
		len -= (ssize_t)sizeof h;
		half = len > 1000 ? 1000 : (uint32_t)len; /* in pieces, as a guest gets them */
		struct rt_piece piece[] = { { bytes, half }, { bytes + half, (uint32_t)len - half } };

		frame(arg, piece, 2, h.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID));
	}
	return n + landed;
}

uint64_t rt_disk_bytes(void)
{
	return 0;
}

int rt_disk_read(uint64_t off, void *to, size_t len)
{
	(void)off;
	(void)to;
	(void)len;
	return -1;
}

int main(int argc, char **argv)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (argc < 2)
		return 2;
	host.word = argv + 2;
	host.offloads = !rt_arg("plain");
	host.tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", argv[1]);
	/* a tap keeps the offloads that its last user had */
	if (host.tap < 0 || ioctl(host.tap, TUNSETIFF, &request) ||
		ioctl(host.tap, TUNSETVNETHDRSZ, &(int){ sizeof(struct virtio_net_hdr) }) ||
		ioctl(host.tap, TUNSETOFFLOAD, host.offloads ? TUN_F_CSUM | TUN_F_TSO4 : 0))
		return 77;
	return rt_main();
}
