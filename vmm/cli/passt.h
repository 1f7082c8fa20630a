/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passt(1), which gives a guest the host's network without anybody's privileges: started by us with
 * one end of a socket pair, it drops root itself where we are root, and goes into the background
 * once its ports are bound. It ends when the last descriptor of our end is closed, so with us,
 * however we end.
 */
#ifndef CLI_PASST_H
#define CLI_PASST_H

#include <sys/types.h>

#include "device_options.h"

struct passt {
	const char *name; /* of the card */
	int fd;		  /* our end: an AF_UNIX stream; -1: none was started */
	int words;	  /* what it says: a memory file */
	pid_t pid;	  /* until it is in the background */
};

/* 0, or -1 after a report. */
int passt_start(struct passt *p, const struct net_options *o, const char *name);

/* Waits until it is ready. 0; -1 after a report with what it said; or the exit status of ours, as a signal came. */
int passt_await(struct passt *p);

#endif
