/* SPDX-License-Identifier: Apache-2.0 */
/* The state of an instance as it comes from its worker: a length, and so many bytes of an ELF core. Loop's thread. */
#ifndef FAAS_CORE_H
#define FAAS_CORE_H

#include "api/app.h"

/* Zeroed; `readable` is called when core_read has more; `user` is the caller's. */
struct core {
	struct loop *loop;
	struct loop_fd watch;
	struct loop_timer late; /* a worker that stands still ends it */
	void (*readable)(struct core *core);
	int fd; /* -1: it is over */
	char length[8];
	uint32_t have; /* of length */
	uint64_t left;
	bool late_now;
};

/* 0, or what dispatch_core says. */
int core_open(struct core *core, struct app *app, const char *instance, bool memory);
/* Bytes; 0: none now, `readable` follows; CALL_EOF: that was all; CALL_BROKEN: it ended early. */
ssize_t core_read(struct core *core, char *to, size_t len);
void core_close(struct core *core); /* repeatable, after core_open only */
/* For the client: what core_open's errno means. */
unsigned int core_status(int rc, const char **text);

#endif
