/* SPDX-License-Identifier: Apache-2.0 */
/* What devices need of the host: none of it keeps a VM from running, so all of it is a note. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_BYTES = 512, PATH_BYTES = 4096 };

static void check_tap(struct doctor *d)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), error = errno;
	unsigned int features = 0;
	struct finding *f;

	if (fd >= 0 && ioctl(fd, TUNGETFEATURES, &features) == 0 && features & IFF_VNET_HDR) {
		doctor_find(d, "tap", FINDING_OK, "/dev/net/tun can be opened, for --net tap=NAME");
	} else {
		f = doctor_find(d, "tap", FINDING_NOTE, "no taps for us: /dev/net/tun: %s",
			fd < 0 ? strerror(error) : "it is no tun device");
		doctor_cure(f, "modprobe tun, and the right to open it; --net passt needs neither");
	}
	if (fd >= 0)
		close(fd);
}

static bool in_path(const char *program)
{
	const char *path = getenv("PATH"), *end;
	char name[PATH_BYTES];
	int len;

	while (path && *path) {
		end = strchrnul(path, ':');
		len = snprintf(name, sizeof name, "%.*s/%s", (int)(end - path), path, program);
		if (len < (int)sizeof name && access(name, X_OK) == 0)
			return true;
		path = *end ? end + 1 : end;
	}
	return false;
}

/* Lines of /proc/net/route have the destination second, those of ipv6_route first; a default route
 * is one to a destination of zeroes by an interface other than lo. */
static bool has_default(const char *table, const char *form)
{
	FILE *file = fopen(table, "re");
	char line[LINE_BYTES], to[64];
	bool found = false;

	while (file && !found && fgets(line, sizeof line, file))
		found = sscanf(line, form, to) == 1 && to[strspn(to, "0")] == '\0' &&
			!strstr(line, " lo\n");
	if (file)
		fclose(file);
	return found;
}

static void check_passt(struct doctor *d)
{
	struct finding *f;

	if (!in_path("passt")) {
		f = doctor_find(d, "passt", FINDING_NOTE, "passt is not installed");
		doctor_cure(f, "apt install passt, for --net passt: networks without privileges");
		return;
	}
	if (has_default("/proc/net/route", "%*s %63s") ||
		has_default("/proc/net/ipv6_route", "%63s")) {
		doctor_find(d, "passt", FINDING_OK, "passt is installed, for --net passt");
		return;
	}
	f = doctor_find(d, "passt", FINDING_NOTE, "passt is installed, but there is no default route");
	doctor_cure(f, "passt does not start without one");
}

static void check_io_uring(struct doctor *d)
{
	struct finding *f;
	int error;

	/* of no entries: refused as senseless where it is there, otherwise for what is the matter */
	syscall(SYS_io_uring_setup, 0, NULL);
	error = errno;
	if (error == EINVAL || error == EFAULT) {
		doctor_find(d, "io_uring", FINDING_OK,
			"io_uring is there, for --disk FILE,engine=io_uring");
		return;
	}
	f = doctor_find(d, "io_uring", FINDING_NOTE, "no io_uring for us: %s", strerror(error));
	doctor_cure(f, "sysctl kernel.io_uring_disabled=0; disks work without it");
}

void doctor_devices(struct doctor *d)
{
	check_tap(d);
	check_passt(d);
	check_io_uring(d);
}
