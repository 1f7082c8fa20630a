/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process this is, without a system call: a page that a fork wipes. Counted; a forked child has a copy that says
 * so, and takes no part in the count.
 */
#ifndef BASE_LINEAGE_H
#define BASE_LINEAGE_H

#include <sys/types.h>

struct ukvmm_err;

struct lineage;

/* One reference. 0 or negative errno with err. */
int lineage_new(struct lineage **out, struct ukvmm_err *err);
struct lineage *lineage_ref(struct lineage *l);
/* NULL is ignored. A child's copy stays: a page. */
void lineage_unref(struct lineage *l);

/* The process that made it, where we are that; 0: a fork of it. Any thread, async-signal-safe. */
pid_t lineage_pid(const struct lineage *l);

#endif
