/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A back end of processes on loopback instead of machines, so that the server can be tested anywhere and its instances
 * can be killed, stopped and made to lie. $FAAS_FUNCTION is the program (function.c); an "image" is a text that begins
 * with "test" and goes on with words for it, which the function's command line and environment follow.
 */
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct backend {
	struct loop *loop;
	const struct instance_events *events;
	uint16_t ready_port;
};

struct instance {
	struct backend *b;
	void *user;
	pid_t pid;
	struct sockaddr_in address;
	struct loop_fd end, output, doorbell;
	uint64_t entered;
	bool stopped;
};

static int put(struct ukvmm_err *err, const char *call, int code)
{
	err->code = code;
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->text, sizeof err->text, "%s", strerror(-code));
	return code;
}

static int process_open(struct loop *loop, struct work *work, const struct instance_events *events,
	const struct backend_options *options, struct backend **out, struct ukvmm_err *err)
{
	(void)work;
	*out = calloc(1, sizeof **out);
	if (!*out)
		return put(err, "malloc", -ENOMEM);
	**out = (struct backend){ loop, events, options->ready_port };
	return 0;
}

static void process_close(struct backend *b)
{
	free(b);
}

static int process_check(struct backend *b, int image_fd, struct ukvmm_err *err)
{
	char head[4];

	(void)b;
	if (pread(image_fd, head, sizeof head, 0) == sizeof head && memcmp(head, "test", 4) == 0)
		return 0;
	snprintf(err->object, sizeof err->object, "image");
	snprintf(err->call, sizeof err->call, "check");
	snprintf(err->text, sizeof err->text, "not bootable: it does not begin with the word test");
	return err->code = -ENOEXEC;
}

static void on_output(struct loop_fd *watch, uint32_t events)
{
	struct instance *i = (struct instance *)((char *)watch - offsetof(struct instance, output));
	char bytes[4096];
	ssize_t n = read(watch->fd, bytes, sizeof bytes);

	(void)events;
	if (n > 0)
		i->b->events->log(i->user, bytes, (size_t)n);
	else
		loop_unwatch(i->b->loop, watch);
}

static void on_doorbell(struct loop_fd *watch, uint32_t events)
{
	struct instance *i = (struct instance *)((char *)watch - offsetof(struct instance, doorbell));
	char byte;

	(void)events;
	if (read(watch->fd, &byte, 1) == 1)
		i->b->events->ready(i->user);
	else
		loop_unwatch(i->b->loop, watch);
}

static void close_watch(struct instance *i, struct loop_fd *watch)
{
	loop_unwatch(i->b->loop, watch);
	close(watch->fd);
}

static void on_end(struct loop_fd *watch, uint32_t events)
{
	struct instance *i = (struct instance *)((char *)watch - offsetof(struct instance, end));
	struct instance_end end = { .cause = DIED_ENDED, .text = "it ended by itself" };
	int status = 0;

	while (i->output.events) /* its last words */
		on_output(&i->output, events);
	waitpid(i->pid, &status, 0);
	/* one that died before it was stopped may be stopped meanwhile, and did not die of that */
	if (i->stopped && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		end.cause = DIED_STOPPED;
	else if (WIFSIGNALED(status))
		end.cause = DIED_CRASHED, end.text = "it died of a signal";
	i->b->events->died(i->user, &end);
	close_watch(i, &i->end);
	close_watch(i, &i->output);
	close_watch(i, &i->doorbell);
	free(i);
}

/* What is exec'ed: made before the fork, as other threads may hold the allocator's locks then, for good in the child. */
struct launch {
	char image[4096], ready[128], name[SPEC_NAME + 64], *argv[8];
	char **env;
	size_t own; /* of env: how many are not ours to free */
};

static int launch_init(struct launch *l, const struct backend *b, const struct instance_plan *plan)
{
	ssize_t n = pread(plan->image_fd, l->image, sizeof l->image - 1, 0);

	l->image[n < 0 ? 0 : n] = 0;
	snprintf(l->ready, sizeof l->ready, "callback=http://127.0.0.1:%u/ready/%s", b->ready_port, plan->token);
	snprintf(l->name, sizeof l->name, "name=%s", plan->name);
	memcpy(l->argv, (char *[]){ "function", l->image, l->ready, l->name, plan->spec->cmdline, NULL }, 6 * sizeof(char *));
	for (l->own = 0; environ[l->own];)
		l->own++;
	l->env = calloc(l->own + plan->spec->env.n + 1, sizeof *l->env);
	if (!l->env)
		return -ENOMEM;
	memcpy(l->env, environ, l->own * sizeof *environ);
	for (uint32_t e = 0; e < plan->spec->env.n; e++)
		if (asprintf(&l->env[l->own + e], "%s=%s", plan->spec->env.at[e].name, plan->spec->env.at[e].value) < 0)
			abort();
	return 0;
}

static void launch_fini(struct launch *l)
{
	for (size_t e = l->own; l->env && l->env[e]; e++)
		free(l->env[e]);
	free(l->env);
}

static void become(const struct launch *l, int secrets_fd, pid_t server, int sock, int doorbell, int output)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* as workers do: a server that is killed leaves none */
	if (getppid() != server)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fcntl(output, F_SETFL, 0); /* it waits for us: nothing of what it writes is lost */
	dup2(output, 1);
	dup2(output, 2);
	/* below what dup2 may have to keep */
	sock = fcntl(sock, F_DUPFD, 100);
	doorbell = fcntl(doorbell, F_DUPFD, 100);
	if (secrets_fd >= 0)
		dup2(fcntl(secrets_fd, F_DUPFD, 100), 5);
	dup2(sock, 3);
	dup2(doorbell, 4);
	close_range(6, ~0u, 0);
	execve(getenv("FAAS_FUNCTION"), l->argv, l->env);
	_exit(127);
}

static int sockets(struct instance *i, int *sock, int output[2], int doorbell[2])
{
	socklen_t len = sizeof i->address;

	i->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	*sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*sock < 0 || bind(*sock, (struct sockaddr *)&i->address, len) < 0 ||
		getsockname(*sock, (struct sockaddr *)&i->address, &len) < 0)
		return -errno;
	return pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(doorbell, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

static int process_start(struct backend *b, const struct instance_plan *plan, void *user, struct instance **out,
	struct ukvmm_err *err)
{
	struct instance *i = calloc(1, sizeof *i);
	int sock = -1, output[2], doorbell[2], rc;
	struct launch l = { .env = NULL };
	pid_t server = getpid();

	if (!i)
		return put(err, "malloc", -ENOMEM);
	*i = (struct instance){ .b = b, .user = user, .end.ready = on_end, .output.ready = on_output,
		.doorbell.ready = on_doorbell, .entered = loop_clock() };
	rc = sockets(i, &sock, output, doorbell);
	if (rc < 0)
		return put(err, "socket", rc);
	rc = launch_init(&l, b, plan);
	if (rc < 0)
		return put(err, "malloc", rc);
	i->pid = fork();
	if (i->pid == 0)
		become(&l, plan->secrets_fd, server, sock, doorbell[1], output[1]);
	launch_fini(&l);
	close(sock);
	close(output[1]);
	close(doorbell[1]);
	if (loop_watch(b->loop, &i->end, pidfd_open(i->pid, 0), EPOLLIN) < 0 ||
		loop_watch(b->loop, &i->output, output[0], EPOLLIN) < 0 ||
		loop_watch(b->loop, &i->doorbell, doorbell[0], EPOLLIN) < 0)
		abort();
	*out = i;
	return 0;
}

static void process_stop(struct instance *i)
{
	i->stopped = true;
	kill(i->pid, SIGKILL);
}

static void process_hold(struct instance *i)
{
	kill(i->pid, SIGSTOP);
}

static void process_address(const struct instance *i, struct sockaddr_in *out)
{
	*out = i->address;
}

static void process_times(const struct instance *i, struct instance_times *out)
{
	*out = (struct instance_times){ .entered = i->entered };
}

static void process_cost(const struct instance *i, struct instance_cost *out)
{
	(void)i;
	*out = (struct instance_cost){ 0 };
}

const struct backend_ops process_backend = { "process", process_open, process_close, process_check, process_start,
	process_stop, process_address, process_times, process_cost, 1 << 20, NULL, process_hold, NULL, NULL, NULL,
	NULL };
