/* SPDX-License-Identifier: Apache-2.0 */
/* capabilities(7). By the system calls themselves: libcap would be one more library in every process, for three. */
#include <ukvmm/sandbox.h>

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "err.h"
#include "export.h"

/* Empties the bounding set: until the kernel says that there is no such capability. */
static int drop_bounding(void)
{
	enum { MOST = 64 };

	for (unsigned long cap = 0; cap < MOST; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has < 0)
			break;
		if (has && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			return -errno;
	}
	return 0;
}

static int lock_secure_bits(void)
{
	unsigned long bits = SECURE_ALL_BITS | SECURE_ALL_LOCKS;
	int is = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (is >= 0 && ((unsigned long)is & bits) == bits)
		return 0;
	return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) ? -errno : 0;
}

static int drop_sets(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof none);
	/* fails on a kernel without ambient capabilities: then there are none */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

UKVMM_API int ukvmm_sandbox_no_capabilities(struct ukvmm_err *err)
{
	int bounding = drop_bounding(), secure = lock_secure_bits(), sets = drop_sets();

	if (sets)
		return err_set(err, sets, "capset", "thread", "%s", strerror(-sets));
	if (bounding)
		return err_set(err, bounding, "prctl(PR_CAPBSET_DROP)", "thread", "%s", strerror(-bounding));
	if (secure)
		return err_set(err, secure, "prctl(PR_SET_SECUREBITS)", "thread", "%s", strerror(-secure));
	return 0;
}
