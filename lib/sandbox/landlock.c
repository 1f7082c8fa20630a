/* SPDX-License-Identifier: Apache-2.0 */
/* landlock(7): rights that are handled and granted to no path are gone. */
#include <ukvmm/sandbox.h>

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "err.h"
#include "export.h"

enum { VERSION = 1 /* LANDLOCK_CREATE_RULESET_VERSION */, ABI_NET = 4, ABI_SCOPES = 6 };

/* struct landlock_ruleset_attr of ABI 6: the kernel takes any shorter one, headers may know less. */
struct rights {
	uint64_t fs, net, scoped;
};

/* How many file system rights each ABI has, the first bits each. */
static uint64_t fs_rights(int abi)
{
	const uint32_t bits[] = { 0, 13, 14, 15, 15, 16 };
	const int last = sizeof bits / sizeof *bits - 1;

	return (1ull << bits[abi < last ? abi : last]) - 1;
}

static int restrict_self(int abi)
{
	struct rights r = { .fs = fs_rights(abi) };
	size_t size = sizeof r.fs;
	int fd, rc;

	if (abi >= ABI_NET) {
		r.net = 3; /* bind, connect */
		size = sizeof r.fs + sizeof r.net;
	}
	if (abi >= ABI_SCOPES) {
		r.scoped = 3; /* abstract AF_UNIX, signals */
		size = sizeof r;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	if (fd < 0)
		return -errno;
	rc = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
	if (rc == -EPERM && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
	close(fd);
	return rc;
}

UKVMM_API int ukvmm_sandbox_landlock(uint32_t *abi, struct ukvmm_err *err)
{
	int is = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION),
		rc = is < 0 ? -errno : restrict_self(is);

	if (abi)
		*abi = is < 0 ? 0 : (uint32_t)is;
	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		return err_set(err, rc, "landlock_create_ruleset", "thread",
			"this kernel has no Landlock, or it is not in its list of security modules (lsm=)");
	return rc ? err_set(err, rc, "landlock", "thread", "%s", strerror(-rc)) : 0;
}
