/* SPDX-License-Identifier: Apache-2.0 */
#include "taps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/block.h"

enum { QUEUE_MOST = 4096 /* frames that a tap holds are fewer */ };

struct taps {
	int control; /* a socket for the ioctls of interfaces */
	uint32_t base, count, made;
	struct tap *idle;
	uint32_t n_idle;
};

static int fail(struct ukvmm_err *err, const char *call, const char *object, int code)
{
	err->code = code;
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->object, sizeof err->object, "%s", object);
	snprintf(err->text, sizeof err->text, "%s%s", strerror(-code),
		code == -EPERM ? "; taps need CAP_NET_ADMIN" : "");
	return code;
}

int taps_new(const char *block, uint32_t kept, struct taps **out, struct ukvmm_err *err)
{
	struct taps *t = calloc(1, sizeof *t);
	uint32_t bits = 30;
	int rc = -ENOMEM;

	if (t) {
		rc = block_read(block, &t->base, &bits);
		t->count = 1u << (30 - bits);
		t->count -= kept < t->count ? kept : t->count;
		t->control = rc < 0 ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (rc == 0 && t->control < 0)
			rc = -errno;
	}
	if (rc < 0) {
		free(t);
		return fail(err, "addresses", block, rc);
	}
	*out = t;
	return 0;
}

static void set_address(struct ifreq *r, uint32_t address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };

	memcpy(&r->ifr_addr, &a, sizeof a);
}

/* The guest's address never has to be asked for: its answer would be the first thing a cold start waits for. */
static int set_neighbour(const struct taps *t, const struct tap *tap)
{
	struct arpreq arp = { .arp_flags = ATF_PERM | ATF_COM };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = tap->guest };

	memcpy(&arp.arp_pa, &a, sizeof a);
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(arp.arp_ha.sa_data, tap->mac, 6);
	memcpy(arp.arp_dev, tap->name, sizeof arp.arp_dev);
	return ioctl(t->control, SIOCSARP, &arp);
}

static int own_mac(const struct taps *t, struct tap *tap)
{
	struct ifreq r = { 0 };

	memcpy(r.ifr_name, tap->name, sizeof tap->name);
	if (ioctl(t->control, SIOCGIFHWADDR, &r) < 0)
		return -1;
	memcpy(tap->host_mac, r.ifr_hwaddr.sa_data, sizeof tap->host_mac);
	return 0;
}

static int configure(const struct taps *t, struct tap *tap, struct ukvmm_err *err)
{
	struct ifreq r = { 0 };

	memcpy(r.ifr_name, tap->name, sizeof tap->name);
	set_address(&r, ntohl(tap->host.s_addr));
	if (ioctl(t->control, SIOCSIFADDR, &r) < 0)
		return fail(err, "SIOCSIFADDR", tap->name, -errno);
	set_address(&r, ~3u);
	if (ioctl(t->control, SIOCSIFNETMASK, &r) < 0)
		return fail(err, "SIOCSIFNETMASK", tap->name, -errno);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(t->control, SIOCSIFFLAGS, &r) < 0)
		return fail(err, "SIOCSIFFLAGS", tap->name, -errno);
	if (own_mac(t, tap) < 0)
		return fail(err, "SIOCGIFHWADDR", tap->name, -errno);
	return set_neighbour(t, tap) < 0 ? fail(err, "SIOCSARP", tap->name, -errno) : 0;
}

static int make(struct taps *t, struct tap **out, struct ukvmm_err *err)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, .ifr_name = "ukf%d" };
	uint32_t block = t->base + t->made * 4;
	struct tap *tap;
	int rc;

	if (t->made == t->count)
		return fail(err, "addresses", "the block is used up", -ENOSPC);
	tap = calloc(1, sizeof *tap);
	if (!tap)
		return fail(err, "malloc", "tap", -ENOMEM);
	tap->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap->fd < 0 || ioctl(tap->fd, TUNSETIFF, &r) < 0) {
		rc = fail(err, tap->fd < 0 ? "open" : "TUNSETIFF", "/dev/net/tun", -errno);
		goto bad;
	}
	memcpy(tap->name, r.ifr_name, sizeof tap->name);
	tap->host.s_addr = htonl(block + 1);
	tap->guest.s_addr = htonl(block + 2);
	memcpy(tap->mac, "\x02\x75\x6b", 3); /* locally administered */
	for (int i = 0; i < 3; i++)
		tap->mac[3 + i] = (uint8_t)(t->made >> (16 - 8 * i));
	rc = configure(t, tap, err);
	if (rc < 0)
		goto bad;
	t->made++;
	*out = tap;
	return 0;
bad:
	if (tap->fd >= 0)
		close(tap->fd);
	free(tap);
	return rc;
}

/* What was sent to the instance before is nothing for the next one, which may be another function's. */
static void empty(const struct tap *tap)
{
	char frame[2048]; /* of a longer one the rest is dropped */

	for (int i = 0; i < QUEUE_MOST && read(tap->fd, frame, sizeof frame) > 0; i++)
		;
}

int taps_take(struct taps *t, struct tap **out, struct ukvmm_err *err)
{
	if (!t->idle)
		return make(t, out, err);
	*out = t->idle;
	t->idle = t->idle->next;
	t->n_idle--;
	empty(*out);
	return 0;
}

void taps_give(struct taps *t, struct tap *tap)
{
	tap->next = t->idle;
	t->idle = tap;
	t->n_idle++;
}

int taps_prepare(struct taps *t, uint32_t n, struct ukvmm_err *err)
{
	struct tap *tap;
	int rc = 0;

	while (t->n_idle < n && rc == 0 && (rc = make(t, &tap, err)) == 0)
		taps_give(t, tap);
	return rc;
}

void taps_free(struct taps *t)
{
	struct tap *next;

	if (!t)
		return;
	for (struct tap *tap = t->idle; tap; tap = next) {
		next = tap->next;
		close(tap->fd);
		free(tap);
	}
	close(t->control);
	free(t);
}
