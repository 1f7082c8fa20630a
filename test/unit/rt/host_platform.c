/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm_rt.h on a tap of the host, so that network stack, server and functions run as a normal process:
 *   PROGRAM TAP [NAME=VALUE...], the words being those of the guest's command line. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "ukvmm_rt.h"

enum { FLIGHT = 64, FRAME = 65600 };

static struct {
	char **word;
	int tap;
	struct {
		void (*done)(void *arg);
		void *arg;
	} flight[FLIGHT];
	uint32_t n_flight;
} host;

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
	return true;
}

bool rt_net_send(const struct rt_piece *piece, uint32_t n, uint16_t csum_start, uint16_t csum_offset,
	void (*done)(void *arg), void *arg)
{
	struct iovec iov[8];

	(void)csum_start;
	(void)csum_offset;
	if (host.n_flight == FLIGHT)
		return false;
	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)piece[i].at, piece[i].len };
	if (writev(host.tap, iov, (int)n) < 0 && errno != EAGAIN && errno != EIO)
		rt_panic("writev: %s", strerror(errno));
	host.flight[host.n_flight].done = done;
	host.flight[host.n_flight++].arg = arg;
	return true;
}

uint32_t rt_net_poll(void (*frame)(void *arg, const uint8_t *bytes, uint32_t len, bool checked), void *arg, uint32_t max)
{
	static uint8_t bytes[FRAME];
	uint32_t n = 0;
	ssize_t len;

	while (host.n_flight) {
		host.n_flight--;
		host.flight[host.n_flight].done(host.flight[host.n_flight].arg);
	}
	for (; n < max; n++) {
		len = read(host.tap, bytes, sizeof bytes);
		if (len < 0)
			break;
		frame(arg, bytes, (uint32_t)len, false);
	}
	return n;
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
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (argc < 2)
		return 2;
	host.word = argv + 2;
	host.tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", argv[1]);
	if (host.tap < 0 || ioctl(host.tap, TUNSETIFF, &request))
		return 77;
	return rt_main();
}
