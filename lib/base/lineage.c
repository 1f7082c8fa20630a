/* SPDX-License-Identifier: Apache-2.0 */
#include "lineage.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "err.h"

struct lineage {
	atomic_uint refs;
	pid_t pid; /* 0: wiped */
};

int lineage_new(struct lineage **out, struct ukvmm_err *err)
{
	struct lineage *l = mmap(NULL, sizeof *l, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (l == MAP_FAILED)
		return err_set(err, -errno, "mmap", "host", "%s", strerror(errno));
	if (madvise(l, sizeof *l, MADV_WIPEONFORK) < 0) {
		rc = err_set(err, -errno, "mmap", "host", "MADV_WIPEONFORK: %s", strerror(errno));
		munmap(l, sizeof *l);
		return rc;
	}
	atomic_init(&l->refs, 1);
	l->pid = getpid();
	*out = l;
	return 0;
}

pid_t lineage_pid(const struct lineage *l)
{
	return l->pid;
}

struct lineage *lineage_ref(struct lineage *l)
{
	if (lineage_pid(l))
		atomic_fetch_add(&l->refs, 1);
	return l;
}

void lineage_unref(struct lineage *l)
{
	if (l && lineage_pid(l) && atomic_fetch_sub(&l->refs, 1) == 1)
		munmap(l, sizeof *l);
}
