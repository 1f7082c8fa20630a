/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker and its client say: requests of one size, each with the descriptors of its kind, and answers. */
#ifndef COMMON_BROKER_WIRE_H
#define COMMON_BROKER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "broker.h"

enum { BROKER_NAME = 256, BROKER_FDS = 2 };

enum broker_verb {
	BROKER_SPAWN = 1, /* fds: the worker's end of its socket, the client's; no answer */
	BROKER_LIMIT,	  /* name: none */
	BROKER_OPEN,	  /* an answer with an fd */
	BROKER_TAP,	  /* the same */
};

struct broker_request {
	uint32_t verb, folder, write, flags; /* flags: WORKER_* */
	uint64_t id, memory, proof; /* proof: of message_dead */
	uint32_t vcpus, irqchip;
	struct cgroup_limits limits;
	char name[BROKER_NAME]; /* "": none */
};

/* rc: 0 or negative errno with err. */
struct broker_answer {
	int32_t rc;
	uint32_t reserved;
	struct ukvmm_err err;
};

/* Takes bytes from anybody for a request with that many descriptors: 0, or -EBADMSG. */
int broker_request_take(const void *from, size_t bytes, uint32_t fds, struct broker_request *r);

/* One packet with descriptors. 0; received: 1, -EPIPE at the end; nothing is left open with -EBADMSG, not of this
 * size, and -EMFILE, no room for its descriptors.
 * wait: 0, or MSG_DONTWAIT. */
int broker_send(int sock, const void *body, size_t bytes, const int *fds, uint32_t fds_len, int wait);
int broker_receive(int sock, void *body, size_t bytes, int *fds, uint32_t fds_max, uint32_t *fds_len, int wait);

/* The process itself: serves `sock` to its end. */
__attribute__((noreturn)) void broker_serve(int sock, const struct broker_config *config);

#endif
