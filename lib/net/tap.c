/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap, whose virtio_net_hdr is the guest's own: checksums and segmentation pass through to the host's kernel
 * (Linux Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h).
 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "err.h"
#include "fd.h"

struct tap {
	struct net_backend b;
	bool gone;
};

static int sent(struct net_backend *b, ssize_t n)
{
	if (n >= 0)
		return 0;
	if (errno == EAGAIN) {
		b->wants_write = true;
		return -EAGAIN;
	}
	/* EIO: the interface is down; EINVAL: the header is not what the kernel can make sense of */
	return -errno;
}

static int tap_send(struct net_backend *b, const uint8_t *buf, size_t len)
{
	return sent(b, write(b->fd, buf, len));
}

static int tap_sendv(struct net_backend *b, const struct iovec *iov, uint32_t pieces, size_t len)
{
	(void)len;
	/* writev by the name of a call that disks need anyway: one less to be allowed */
	return sent(b, pwritev2(b->fd, iov, (int)pieces, -1, 0));
}

static int tap_flush(struct net_backend *b)
{
	b->wants_write = false;
	return 0;
}

static int64_t tap_recv(struct net_backend *b, uint8_t *buf)
{
	struct tap *t = (struct tap *)b;
	ssize_t n;

	if (t->gone)
		return -EPIPE;
	n = read(b->fd, buf, NET_BUFFER);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n <= 0) { /* EBADFD: the interface was deleted */
		t->gone = true;
		return -EPIPE;
	}
	return n < NET_HDR + NET_FRAME_MIN ? -EBADMSG : n;
}

static unsigned tun_flags(uint32_t which)
{
	unsigned flags = which & NET_CSUM ? TUN_F_CSUM : 0;

	if (which & NET_CSUM && which & NET_TSO4)
		flags |= TUN_F_TSO4;
	if (which & NET_CSUM && which & NET_TSO6)
		flags |= TUN_F_TSO6;
	return flags;
}

static int tap_offload(struct net_backend *b, uint32_t which)
{
	return ioctl(b->fd, TUNSETOFFLOAD, tun_flags(which)) ? -errno : 0;
}

/* What the kernel can do is what it takes. */
static uint32_t offloads_probe(int fd)
{
	static const uint32_t sets[] = { NET_CSUM | NET_TSO4 | NET_TSO6, NET_CSUM | NET_TSO4, NET_CSUM };
	uint32_t can = 0;

	for (size_t i = 0; !can && i < sizeof sets / sizeof sets[0]; i++)
		if (!ioctl(fd, TUNSETOFFLOAD, tun_flags(sets[i])))
			can = sets[i];
	ioctl(fd, TUNSETOFFLOAD, 0);
	return can;
}

static int tap_check(int fd, const char *object, struct ukvmm_err *err)
{
	enum { WANTED = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, LOOKED_AT = IFF_TUN | WANTED };
	struct ifreq is = { 0 };
	int hdr = NET_HDR, rc;

	if (ioctl(fd, TUNGETIFF, &is)) {
		rc = -errno;
		return err_set(err, rc, "TUNGETIFF", object, "fd %d is not a tap: %s", fd, strerror(-rc));
	}
	if ((is.ifr_flags & LOOKED_AT) != WANTED)
		return err_set(err, -EBADFD, "TUNGETIFF", object,
			"%.15s must be opened with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR", is.ifr_name);
	if (ioctl(fd, TUNSETVNETHDRSZ, &hdr)) {
		rc = -errno;
		return err_set(err, rc, "TUNSETVNETHDRSZ", object, "%.15s: %s", is.ifr_name, strerror(-rc));
	}
	return 0;
}

static int tap_rebind(struct net_backend *b, int fd)
{
	int copy = net_fd_dup(fd, "net", NULL), rc;

	if (copy < 0)
		return copy;
	rc = tap_check(copy, "net", NULL);
	/* the guest has negotiated what the old one could do */
	if (!rc && (offloads_probe(copy) & b->offloads) != b->offloads)
		rc = -EINVAL;
	if (rc) {
		fd_close(copy);
		return rc;
	}
	fd_close(b->fd);
	b->fd = copy;
	b->wants_write = ((struct tap *)b)->gone = false;
	return 0;
}

static void tap_close(struct net_backend *b)
{
	fd_close(b->fd);
	free(b);
}

static const struct net_ops tap_ops = { tap_send, tap_sendv, tap_flush, tap_recv, tap_offload, tap_rebind,
	tap_close };

/* Owns fd. */
static int tap_new(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err)
{
	int rc = tap_check(fd, object, err);
	struct tap *t = rc ? NULL : calloc(1, sizeof *t);

	if (!t) {
		fd_close(fd);
		return rc ? rc : err_set(err, -ENOMEM, "calloc", object, "out of memory");
	}
	t->b.ops = &tap_ops;
	t->b.fd = fd;
	t->b.offloads = offloads_probe(fd);
	*out = &t->b;
	return 0;
}

int net_tap_fd(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err)
{
	int copy = net_fd_dup(fd, object, err);

	*out = NULL;
	return copy < 0 ? copy : tap_new(out, copy, object, err);
}

static const char *cure(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "; give it to you with: ip tuntap add NAME mode tap user $USER";
	case EBUSY:
		return "; another process holds it";
	case EINVAL:
		return "; it is not a tap of one queue";
	default:
		return "";
	}
}

int net_tap_open(struct net_backend **out, const char *name, const char *object, struct ukvmm_err *err)
{
	struct ifreq wanted = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, rc;

	*out = NULL;
	if (!*name || strlen(name) >= sizeof wanted.ifr_name || strchr(name, '%'))
		return err_set(err, -EINVAL, "TUNSETIFF", object, "the name of a tap has 1 to 15 bytes and no %%");
	snprintf(wanted.ifr_name, sizeof wanted.ifr_name, "%s", name);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		rc = -errno;
		return err_set(err, rc, "open", object, "/dev/net/tun: %s", strerror(-rc));
	}
	if (ioctl(fd, TUNSETIFF, &wanted)) {
		rc = -errno;
		fd_close(fd);
		return err_set(err, rc, "TUNSETIFF", object, "%s: %s%s", name, strerror(-rc), cure(-rc));
	}
	return tap_new(out, fd, object, err);
}
