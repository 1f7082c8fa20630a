/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "birth.h"
#include "cgroup.h"
#include "failure.h"
#include "worker_own.h"

static int watch(const struct worker *w, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_kvm(int given)
{
	return given >= 0 ? given : open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

static int no_kvm(struct ukvmm_err *err, int rc)
{
	failure(err, rc, "open", "/dev/kvm");
	if (err)
		snprintf(err->text, sizeof err->text, "%s; `ukvmm doctor` says what to do", strerror(-rc));
	return rc;
}

static int start(struct worker *w, const struct worker_config *config, int theirs, struct ukvmm_err *err)
{
	struct birth b = { .pid = 0, .pidfd = -1 };
	int kvm = open_kvm(config->kvm_fd), rc;

	if (kvm < 0)
		return no_kvm(err, -errno);
	rc = birth_give(config, w->sock, theirs, kvm, &b, err);
	if (config->kvm_fd < 0)
		close(kvm);
	w->pid = b.pid > 0 ? b.pid : 0;
	w->pidfd = b.pidfd;
	if (rc == 0)
		rc = birth_place(config, w->sock, w->pid, err);
	if (rc < 0)
		return rc;
	rc = watch(w, w->sock);
	if (rc == 0)
		rc = watch(w, w->pidfd);
	return rc < 0 ? failure(err, rc, "epoll_ctl", "worker") : 0;
}

int worker_new(const struct worker_config *config, struct worker **out, struct ukvmm_err *err)
{
	struct worker *w = calloc(1, sizeof *w);
	int pair[2] = { -1, -1 }, rc;

	if (!w)
		return failure(err, -ENOMEM, "calloc", "worker");
	w->cgroup = config->cgroup;
	w->sock = w->pidfd = -1;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0) {
		rc = failure(err, -errno, "epoll_create1", "worker");
	} else if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		rc = failure(err, -errno, "socketpair", "worker");
	} else {
		w->sock = pair[0];
		rc = start(w, config, pair[1], err);
		close(pair[1]);
	}
	if (rc < 0) {
		worker_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

int worker_adopt(int sock, uint64_t proof, struct worker **out, struct ukvmm_err *err)
{
	struct worker *w = calloc(1, sizeof *w);
	int rc = 0;

	if (!w)
		rc = failure(err, -ENOMEM, "calloc", "worker");
	else if ((w->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		rc = failure(err, -errno, "epoll_create1", "worker");
	if (rc < 0) {
		free(w);
		close(sock);
		return rc;
	}
	w->brokered = true;
	w->proof = proof;
	w->pidfd = -1;
	w->sock = sock;
	w->death = worker_death_of(0, 0, false);
	rc = watch(w, sock);
	if (rc < 0) {
		worker_free(w);
		return failure(err, rc, "epoll_ctl", "worker");
	}
	*out = w;
	return 0;
}

int worker_fd(const struct worker *w)
{
	return w->epoll;
}

pid_t worker_pid(const struct worker *w)
{
	return w->dead ? 0 : w->pid;
}

void worker_job_init(struct worker_job *job)
{
	*job = (struct worker_job){ 0 };
	job->config.vcpus = 1;
	job->config.image_fd = job->config.initrd_fd = job->config.console_fd = -1;
	job->config.vsock_fd = job->config.connect_fd = -1;
}

struct fds {
	int fd[MESSAGE_FDS];
	uint32_t len;
};

/* A descriptor becomes the place it has in the message. */
static void send_fd(struct fds *fds, int32_t *field)
{
	if (*field < 0)
		return;
	fds->fd[fds->len] = *field;
	*field = (int32_t)fds->len++;
}

static void send_fds(struct fds *fds, struct message_job *j)
{
	send_fd(fds, &j->image_fd);
	send_fd(fds, &j->initrd_fd);
	send_fd(fds, &j->console_fd);
	send_fd(fds, &j->vsock_fd);
	send_fd(fds, &j->connect_fd);
	for (uint32_t i = 0; i < j->disks_len; i++) {
		send_fd(fds, &j->disk[i].fd);
		send_fd(fds, &j->disk[i].top_fd);
	}
	for (uint32_t i = 0; i < j->nets_len; i++)
		send_fd(fds, &j->net[i].fd);
}

int worker_start(struct worker *w, const struct worker_job *job, struct ukvmm_err *err)
{
	struct message_job config = job->config;
	struct fds fds = { .len = 0 };
	int rc;

	if (w->state != READY)
		return failure(err, -EBADFD, "worker_start", "worker");
	if (config.disks_len > MESSAGE_DEVICES || config.nets_len > MESSAGE_DEVICES - config.disks_len)
		return failure(err, -E2BIG, "worker_start", "worker");
	config.cmdline_len = job->texts.cmdline ? (uint32_t)strnlen(job->texts.cmdline, MESSAGE_TEXT + 1) : 0;
	config.words_len = job->texts.words ? (uint32_t)strnlen(job->texts.words, MESSAGE_TEXT + 1) : 0;
	send_fds(&fds, &config);
	rc = message_send_job(w->sock, &config, &job->texts, fds.fd, fds.len);
	if (rc < 0)
		return failure(err, rc, "sendmsg", "worker");
	w->state = BUSY;
	return 0;
}

static int tell(struct worker *w, enum message_type type, const void *body)
{
	return w->sock < 0 ? -EPIPE : message_send(w->sock, type, body);
}

int worker_stop(struct worker *w)
{
	return tell(w, MESSAGE_STOP, NULL);
}

int worker_ask(struct worker *w)
{
	return tell(w, MESSAGE_ASK, NULL);
}

int worker_hold(struct worker *w)
{
	return tell(w, MESSAGE_HOLD, NULL);
}

int worker_core(struct worker *w, uint32_t flags, int fd)
{
	struct message_core core = { .flags = flags };

	return w->sock < 0 ? -EPIPE : message_send_fd(w->sock, MESSAGE_CORE, &core, fd);
}

int worker_resize(struct worker *w, uint32_t cols, uint32_t rows)
{
	struct message_resize size = { cols, rows };

	return tell(w, MESSAGE_RESIZE, &size);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->sock >= 0)
		worker_hang_up(w);
	if (w->pidfd >= 0) {
		worker_kill_now(w);
		worker_reap(w, 0);
		close(w->pidfd);
	}
	if (w->epoll >= 0)
		close(w->epoll);
	free(w);
}
