/* SPDX-License-Identifier: Apache-2.0 */
/* A worker from its main() to its guest: walls, a VM ahead, a filter, READY, one job. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>
#include <ukvmm/x86.h>

#include "birth.h"
#include "failure.h"
#include "guest.h"
#include "walls.h"
#include "worker.h"

enum { EXIT_ORPHAN = 125 };

static struct guest guest;
static struct message message;
static char room[MESSAGE_BYTES];

/* Fails where the process was not started by worker_new, or is not wanted any more. */
static void receive(struct guest *g, enum message_type type, int *fds, uint32_t *fds_len)
{
	if (message_await(g->sock, room, &message, fds, fds_len) != 1 || message.head.type != type)
		_exit(EXIT_ORPHAN);
}

static int make_ahead(struct guest *g, struct ukvmm_err *err)
{
	struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = g->birth.irqchip };
	struct ukvmm_vm_config kind = {
		.size = sizeof kind,
		.memory = g->birth.memory,
		.vcpus = g->birth.vcpus,
		.x86 = g->birth.irqchip == UKVMM_X86_IRQCHIP_AUTO ? NULL : &x86,
	};

	return g->birth.memory ? ukvmm_host_prepare(g->host, &kind, 1, err) : 0;
}

static int open_host(struct guest *g, struct ukvmm_err *err)
{
	struct ukvmm_host_config config = {
		.size = sizeof config, .flags = g->birth.flags & BIRTH_URING ? UKVMM_HOST_URING : 0,
	};
	int rc = ukvmm_host_open(&g->host, BIRTH_KVM, &config, err);

	if (rc == 0)
		rc = ukvmm_poller_new(g->host, &g->poller, err);
	close(BIRTH_KVM);
	return rc;
}

/* The first thread of a process makes the C library ask for more than a filter allows, so it comes before; it has a
 * filter of its own. */
static int start_io(struct guest *g, struct ukvmm_err *err)
{
	pthread_t thread;
	int rc = sem_init(&g->runnable, 0, 0) < 0 || sem_init(&g->io_ready, 0, 0) < 0 ? -errno : 0;

	if (rc == 0)
		rc = -pthread_create(&thread, NULL, guest_io, g);
	return rc < 0 ? failure(err, rc, "pthread_create", "io thread") : 0;
}

static void choose_filters(struct guest *g)
{
	g->filters.on = !(g->birth.flags & BIRTH_NO_SANDBOX) && !walls_are_soft();
	g->filters.vsock = g->birth.flags & BIRTH_VSOCK;
	g->filters.inspect = g->birth.flags & BIRTH_INSPECT;
	g->filters.on_violation = g->birth.flags & BIRTH_TRACE ? UKVMM_VIOLATION_LOG : UKVMM_VIOLATION_KILL;
}

/* A kernel without seccomp is told of, as any wall that is missing. */
static int enter_setup(struct guest *g, struct message_ready *ready, struct ukvmm_err *err)
{
	int rc;

	if (!g->filters.on)
		return 0;
	rc = filters_setup(&g->filters, g->host, err);
	walls_note(ready, WALL_FILTER, rc);
	g->filters.on = rc == 0;
	return rc == -ENOSYS ? 0 : rc;
}

static int get_ready(struct guest *g, struct message_ready *ready, struct ukvmm_err *err)
{
	int rc = walls_build(&g->birth, ready, err);

	choose_filters(g);
	if (rc == 0)
		rc = open_host(g, err);
	if (rc == 0)
		rc = guest_io_init(g) < 0 ? failure(err, -errno, "eventfd", "worker") : 0;
	if (rc == 0)
		rc = start_io(g, err);
	if (rc == 0)
		rc = enter_setup(g, ready, err);
	if (rc == 0)
		/* a kind that cannot be made is told of by the job, which may be of another */
		make_ahead(g, NULL);
	/* no READY before all its threads are walled in */
	while (rc == 0 && sem_wait(&g->io_ready) < 0 && errno == EINTR)
		;
	return rc;
}

static int place(int index, const int *fds)
{
	return index < 0 ? -1 : fds[index];
}

/* message_take has seen to it that each index is one, and used once. */
static void place_fds(struct message_job *j, const int *fds)
{
	j->image_fd = place(j->image_fd, fds);
	j->initrd_fd = place(j->initrd_fd, fds);
	j->console_fd = place(j->console_fd, fds);
	j->vsock_fd = place(j->vsock_fd, fds);
	j->connect_fd = place(j->connect_fd, fds);
	for (uint32_t i = 0; i < j->disks_len; i++) {
		j->disk[i].fd = place(j->disk[i].fd, fds);
		j->disk[i].top_fd = place(j->disk[i].top_fd, fds);
	}
	for (uint32_t i = 0; i < j->nets_len; i++)
		j->net[i].fd = place(j->net[i].fd, fds);
}

static bool job_bounded(const struct message_job *j)
{
	return j->vcpus >= 1 && j->vcpus <= GUEST_VCPUS_MAX;
}

__attribute__((noreturn)) static void do_job(struct guest *g)
{
	struct ukvmm_err err = { .size = sizeof err };
	enum message_phase phase;
	int fds[MESSAGE_FDS];
	uint32_t len, index;

	receive(g, MESSAGE_JOB, fds, &len);
	g->job = message.job;
	place_fds(&g->job, fds);
	g->door = g->job.connect_fd;
	g->console.fd = g->job.console_fd;
	g->console.ports = g->job.flags & JOB_CONSOLE ? 2 : 1;
	if (!job_bounded(&g->job)) {
		failure(&err, -EINVAL, "worker", "job");
		guest_failed(g, PHASE_JOB, 0, &err);
	}
	if (g->job.flags & JOB_CHECK)
		guest_check(g);
	phase = guest_make(g, message_texts(room), &index, &err);
	if (phase != PHASE_BIRTH)
		guest_failed(g, phase, index, &err);
	guest_run(g);
}

__attribute__((noreturn)) static void worker_main(struct guest *g)
{
	struct message_ready ready = { 0 };
	struct ukvmm_err err = { .size = sizeof err };
	uint32_t none;
	int fds[MESSAGE_FDS];

	g->sock = BIRTH_SOCKET;
	g->core = -1;
	/* a console whose reader has left says EPIPE */
	signal(SIGPIPE, SIG_IGN);
	receive(g, MESSAGE_BIRTH, fds, &none);
	g->birth = message.birth;
	if (strcmp(g->birth.version, ukvmm_version()) != 0) {
		failure(&err, -EPROTO, "worker", "ukvmm-worker is of another version");
		guest_failed(g, PHASE_BIRTH, 0, &err);
	}
	if (get_ready(g, &ready, &err) < 0)
		guest_failed(g, PHASE_BIRTH, 0, &err);
	if (g->birth.flags & BIRTH_PLACED)
		receive(g, MESSAGE_PLACED, fds, &none);
	if (message_send(g->sock, MESSAGE_READY, &ready) < 0)
		_exit(EXIT_ORPHAN);
	do_job(g);
}

void worker_main_if_worker(int argc, char **argv)
{
	int type = 0;
	socklen_t len = sizeof type;

	if (argc != 2 || strcmp(argv[1], BIRTH_WORD) != 0)
		return;
	/* typed by somebody, it is no command */
	if (getsockopt(BIRTH_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		return;
	worker_main(&guest);
}
