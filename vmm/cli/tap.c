/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report.h"

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

int tap_open(const char *name)
{
	/* what the library wants of one that it is given (ukvmm/devices.h) */
	struct ifreq wanted = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd;

	if (strchr(name, '%')) {
		report("TUNSETIFF", name, "the name of a tap has no %%");
		return -1;
	}
	snprintf(wanted.ifr_name, sizeof wanted.ifr_name, "%s", name);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		report("open", name, "/dev/net/tun: %s", strerror(errno));
		return -1;
	}
	if (ioctl(fd, TUNSETIFF, &wanted) == 0)
		return fd;
	report("TUNSETIFF", name, "%s%s", strerror(errno), cure(errno));
	close(fd);
	return -1;
}
