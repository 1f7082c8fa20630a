/* SPDX-License-Identifier: Apache-2.0 */
/* Within broker_serve.c and broker_child.c: the broker's process and its children. */
#ifndef COMMON_BROKER_OWN_H
#define COMMON_BROKER_OWN_H

#include <stdbool.h>

#include "broker_reuse.h"
#include "broker_wire.h"

enum { BROKER_LOW_FDS = 6 /* as many as a birth opens */ };

struct child {
	struct child *next;
	uint64_t id, proof;
	int sock, pidfd; /* its end of its socket, a copy; -1: none */
	pid_t pid;
	int net;
	struct cgroup *cgroup;
	struct cgroup_limits limits;
	bool changed; /* its cgroup has other limits now */
	bool clean;   /* it ended by itself, so nothing was killed in its cgroup */
};

struct server {
	int sock, epoll, kvm;
	struct broker_config config;
	struct child *children;
	uint32_t len;
	int low[BROKER_LOW_FDS]; /* kept for births: a child's copy of the table ends with the last that it needs */
	struct reuse reuse;
};

/* Both descriptors of a child are watched under its address; NULL: the client's. */
int broker_watch(const struct server *s, int fd, uint32_t events, struct child *c);
/* Descriptors with low numbers are kept for births: once everything else that stays is open. */
void broker_keep_low(struct server *s);
/* A request for a worker, with its descriptors, which it takes. What fails is said as the worker would have said it. */
void broker_spawn(struct server *s, const struct broker_request *r, const int fds[BROKER_FDS]);
/* Something is to be seen of a child, which may be gone afterwards. */
void broker_serve_child(struct server *s, struct child *c);
/* All of them. */
void broker_end_children(struct server *s);

#endif
