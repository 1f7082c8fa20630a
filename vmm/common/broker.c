/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side. */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker_wire.h"
#include "failure.h"

struct broker {
	int sock;
	pid_t pid;
	_Atomic uint64_t next_id;
};

int broker_start(const struct broker_config *config, struct broker **out, struct ukvmm_err *err)
{
	struct broker *b = calloc(1, sizeof *b);
	int pair[2];

	if (!b || config->folders_len > BROKER_FOLDERS || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(b);
		return failure(err, !b ? -ENOMEM : config->folders_len > BROKER_FOLDERS ? -E2BIG : -errno, "socketpair",
			"broker");
	}
	b->sock = pair[0];
	b->pid = fork();
	if (b->pid == 0)
		broker_serve(pair[1], config);
	close(pair[1]);
	if (b->pid > 0) {
		*out = b;
		return 0;
	}
	close(b->sock);
	free(b);
	return failure(err, -errno, "fork", "broker");
}

static int set_name(struct broker_request *r, const char *name)
{
	return snprintf(r->name, sizeof r->name, "%s", name) < (int)sizeof r->name ? 0 : -ENAMETOOLONG;
}

int broker_fd(const struct broker *b)
{
	return b->sock;
}

int broker_worker(struct broker *b, const struct worker_config *config, const char *cgroup,
	const struct cgroup_limits *limits, uint64_t *id, struct worker **out, struct ukvmm_err *err)
{
	struct broker_request r = {
		.verb = BROKER_SPAWN,
		.flags = config->flags,
		.id = ++b->next_id,
		.memory = config->memory,
		.vcpus = config->vcpus,
		.irqchip = config->irqchip,
	};
	int pair[2], rc = cgroup ? set_name(&r, cgroup) : 0;

	if (getrandom(&r.proof, sizeof r.proof, 0) != sizeof r.proof)
		return failure(err, -errno, "getrandom", "worker");
	if (cgroup && limits)
		r.limits = *limits;
	if (rc < 0)
		return failure(err, rc, "broker_worker", "cgroup");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return failure(err, -errno, "socketpair", "worker");
	rc = broker_send(b->sock, &r, sizeof r, (int[]){ pair[1], pair[0] }, BROKER_FDS, MSG_DONTWAIT);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return failure(err, rc, "sendmsg", "broker");
	}
	*id = r.id;
	return worker_adopt(pair[0], r.proof, out, err);
}

/* The answer's error becomes the caller's; its descriptor, if it has one, the result. */
static int ask(const struct broker *b, const struct broker_request *r, struct ukvmm_err *err)
{
	struct broker_answer a;
	uint32_t len;
	int fds[BROKER_FDS], rc = broker_send(b->sock, r, sizeof *r, NULL, 0, 0);

	if (rc == 0)
		rc = broker_receive(b->sock, &a, sizeof a, fds, 1, &len, 0);
	if (rc < 0)
		return failure(err, rc, "recvmsg", "broker");
	if (a.rc == 0)
		return len ? fds[0] : 0;
	if (err)
		*err = a.err;
	return a.rc;
}

int broker_limit(struct broker *b, uint64_t id, const struct cgroup_limits *limits, struct ukvmm_err *err)
{
	struct broker_request r = { .verb = BROKER_LIMIT, .id = id, .limits = *limits };

	return ask(b, &r, err);
}

int broker_open(struct broker *b, uint32_t folder, const char *name, bool write, struct ukvmm_err *err)
{
	struct broker_request r = { .verb = BROKER_OPEN, .folder = folder, .write = write };
	int rc = set_name(&r, name);

	if (rc == 0 && (!*name || folder >= BROKER_FOLDERS || strpbrk(name, "\n\t\r\033")))
		rc = -EINVAL;
	return rc < 0 ? failure(err, rc, "broker_open", "name") : ask(b, &r, err);
}

int broker_tap(struct broker *b, const char *name, struct ukvmm_err *err)
{
	struct broker_request r = { .verb = BROKER_TAP };
	int rc = *name ? set_name(&r, name) : -EINVAL;

	return rc < 0 ? failure(err, rc, "broker_tap", "name") : ask(b, &r, err);
}

void broker_stop(struct broker *b)
{
	int rc;

	if (!b)
		return;
	close(b->sock);
	do
		rc = (int)waitpid(b->pid, NULL, 0);
	while (rc < 0 && errno == EINTR);
	free(b);
}
