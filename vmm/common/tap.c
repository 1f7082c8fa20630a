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

int tap_open(const char *name, const char **call)
{
	/* what the library wants of one that it is given (ukvmm/devices.h) */
	struct ifreq wanted = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd, rc;

	*call = "TUNSETIFF";
	/* the kernel would put a number for a % */
	if (!*name || strlen(name) >= sizeof wanted.ifr_name || strpbrk(name, "%/ "))
		return -EINVAL;
	snprintf(wanted.ifr_name, sizeof wanted.ifr_name, "%s", name);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		*call = "open(/dev/net/tun)";
		return -errno;
	}
	if (ioctl(fd, TUNSETIFF, &wanted) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}
