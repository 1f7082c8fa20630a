/* SPDX-License-Identifier: Apache-2.0 */
#include "block_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PATH_TEXT = 64, DEV_TEXT = 32 };

/* File systems whose files have a device number of no device. */
static const char *kind_of(int fd)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} known[] = {
		{ OVERLAYFS_SUPER_MAGIC, "overlayfs" }, { TMPFS_MAGIC, "tmpfs" }, { RAMFS_MAGIC, "ramfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" }, { NFS_SUPER_MAGIC, "NFS" }, { FUSE_SUPER_MAGIC, "FUSE" },
		{ V9FS_MAGIC, "9p" }, { 0x2fc12fc1, "ZFS" },
	};
	struct statfs fs;

	for (size_t i = 0; fstatfs(fd, &fs) == 0 && i < sizeof known / sizeof known[0]; i++)
		if ((uint32_t)fs.f_type == known[i].magic)
			return known[i].name;
	return "a file system of that kind";
}

static void path_of(char path[PATH_TEXT], dev_t device, const char *file)
{
	snprintf(path, PATH_TEXT, "/sys/dev/block/%u:%u/%s", major(device), minor(device), file);
}

/* Where sysfs cannot be seen it is left as it is: for a partition the kernel says that it is none. */
static dev_t whole(dev_t device)
{
	char path[PATH_TEXT], text[DEV_TEXT] = "";
	unsigned int first, second;
	int fd;

	path_of(path, device, "partition");
	if (access(path, F_OK) < 0)
		return device;
	path_of(path, device, "../dev");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return device;
	if (read(fd, text, sizeof text - 1) > 0 && sscanf(text, "%u:%u", &first, &second) == 2)
		device = makedev(first, second);
	close(fd);
	return device;
}

int block_device_of(int fd, dev_t *device, const char **where)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode)) {
		*device = whole(st.st_rdev);
		return 0;
	}
	if (major(st.st_dev) == 0) {
		*where = kind_of(fd);
		return -ENODEV;
	}
	*device = whole(st.st_dev);
	return 0;
}
