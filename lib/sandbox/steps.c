/* SPDX-License-Identifier: Apache-2.0 */
/* No-new-privs, dumpable, limits, fds: one system call each, with its answer. */
#include <ukvmm/sandbox.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "err.h"
#include "export.h"

UKVMM_API int ukvmm_sandbox_no_new_privs(struct ukvmm_err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(err, -errno, "prctl(PR_SET_NO_NEW_PRIVS)", "thread", "%s", strerror(errno));
	return 0;
}

UKVMM_API int ukvmm_sandbox_undumpable(struct ukvmm_err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return err_set(err, -errno, "prctl(PR_SET_DUMPABLE)", "process", "%s", strerror(errno));
	return 0;
}

static int limit_one(int resource, const char *name, uint64_t want, struct ukvmm_err *err)
{
	struct rlimit is;
	rlim_t to = want == UKVMM_LIMIT_ZERO ? 0 : want;

	if (!want)
		return 0;
	if (getrlimit((__rlimit_resource_t)resource, &is))
		return err_set(err, -errno, "getrlimit", name, "%s", strerror(errno));
	if (is.rlim_max < to)
		to = is.rlim_max;
	is = (struct rlimit){ to, to };
	if (setrlimit((__rlimit_resource_t)resource, &is))
		return err_set(err, -errno, "setrlimit", name, "%s", strerror(errno));
	return 0;
}

/* As struct_take in lib/vm: what is past the caller's size is 0, what is past ours must be. */
static int take(struct ukvmm_sandbox_limits *dst, const struct ukvmm_sandbox_limits *src)
{
	enum { LARGEST = 4096 };
	const uint8_t *bytes = (const uint8_t *)src;

	memset(dst, 0, sizeof *dst);
	if (!src || src->size < 2 * sizeof src->size)
		return -EINVAL;
	if (src->size > LARGEST)
		return -E2BIG;
	for (size_t i = sizeof *dst; i < src->size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(dst, src, src->size < sizeof *dst ? src->size : sizeof *dst);
	return 0;
}

UKVMM_API int ukvmm_sandbox_limit(const struct ukvmm_sandbox_limits *limits, struct ukvmm_err *err)
{
	struct ukvmm_sandbox_limits l;
	int rc = take(&l, limits);

	if (rc)
		return err_set(err, rc, "ukvmm_sandbox_limit", "process", "bad ukvmm_sandbox_limits");
	rc = limit_one(RLIMIT_NOFILE, "RLIMIT_NOFILE", l.files, err);
	if (!rc)
		rc = limit_one(RLIMIT_FSIZE, "RLIMIT_FSIZE", l.file_bytes, err);
	if (!rc)
		rc = limit_one(RLIMIT_NPROC, "RLIMIT_NPROC", l.processes, err);
	if (!rc)
		rc = limit_one(RLIMIT_CORE, "RLIMIT_CORE", l.core_bytes, err);
	if (!rc)
		rc = limit_one(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", l.locked_bytes, err);
	return rc;
}

static int ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int close_between(uint32_t first, uint32_t last)
{
	return first > last || !syscall(SYS_close_range, first, last, 0) ? 0 : -errno;
}

UKVMM_API int ukvmm_sandbox_close_fds(const int32_t *keep, uint32_t n, struct ukvmm_err *err)
{
	int32_t *sorted = malloc((n ? n : 1) * sizeof *sorted);
	uint32_t next = 0;
	int rc = 0;

	if (!sorted)
		return err_set(err, -ENOMEM, "malloc", "fds", "out of memory");
	if (n)
		memcpy(sorted, keep, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, ascending);
	for (uint32_t i = 0; !rc && i < n; i++) {
		if (sorted[i] < 0 || (uint32_t)sorted[i] < next)
			continue;
		if (sorted[i])
			rc = close_between(next, (uint32_t)sorted[i] - 1);
		next = (uint32_t)sorted[i] + 1;
	}
	free(sorted);
	if (!rc)
		rc = close_between(next, UINT32_MAX);
	return rc ? err_set(err, rc, "close_range", "fds", "%s", strerror(-rc)) : 0;
}
