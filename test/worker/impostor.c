/* SPDX-License-Identifier: Apache-2.0 */
#include "impostor.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "birth.h"

static struct message m;
static char room[MESSAGE_BYTES];

static void sendb(const void *bytes, size_t len)
{
	send(BIRTH_SOCKET, bytes, len, MSG_NOSIGNAL);
}

static void say(enum message_type type, const void *body)
{
	message_send(BIRTH_SOCKET, type, body);
}

static bool placed; /* it is told when it is in its cgroup */

static void say_ready(void)
{
	struct message_ready ready = { .walls = WALL_ALL };
	int fds[MESSAGE_FDS];
	uint32_t len;

	if (placed && message_await(BIRTH_SOCKET, room, &m, fds, &len) != 1)
		_exit(99);
	say(MESSAGE_READY, &ready);
}

static void say_stopped(void)
{
	static const struct message_stopped stopped = { .stop = { .reason = UKVMM_STOP_POWEROFF } };

	say(MESSAGE_STOPPED, &stopped);
}

static void take_job(void)
{
	int fds[MESSAGE_FDS];
	uint32_t len;

	say_ready();
	if (message_await(BIRTH_SOCKET, room, &m, fds, &len) != 1)
		_exit(99);
}

static void for_ever(void)
{
	for (;;)
		pause();
}

static void flood(enum message_type type, const void *body)
{
	/* waits for room, as one that wants to keep us busy would */
	for (;;)
		if (message_send(BIRTH_SOCKET, type, body) == -11)
			usleep(100);
}

static void send_fds(void)
{
	struct message_ready ready = { .walls = WALL_ALL };
	struct message_head head = { MESSAGE_READY, sizeof head + sizeof ready };
	struct iovec iov[2] = { { &head, sizeof head }, { &ready, sizeof ready } };
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd = 0;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	sendmsg(BIRTH_SOCKET, &msg, MSG_NOSIGNAL);
}

static void forbidden_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	getppid();
}

static void do_harm(enum harm harm)
{
	static char bytes[sizeof(struct message) + 100];
	struct message_notify notify = { 1 };
	volatile int *volatile nowhere = (volatile int *)8;

	switch (harm) {
	case HARM_FLOOD:
		say_ready();
		flood(MESSAGE_READY, &(struct message_ready){ 0 });
		break;
	case HARM_STOPPED:
		say_stopped();
		break;
	case HARM_GARBAGE:
		memset(bytes, 0xa5, sizeof bytes);
		sendb(bytes, 100);
		break;
	case HARM_LONG:
		sendb(bytes, sizeof bytes);
		break;
	case HARM_EMPTY:
		sendb(bytes, 0);
		break;
	case HARM_FDS:
		send_fds();
		break;
	case HARM_HANG_UP:
		close(BIRTH_SOCKET);
		break;
	case HARM_EXIT:
		_exit(0);
	case HARM_EXIT_7:
		_exit(7);
	case HARM_SEGV:
		/* as the first process of its namespace it has no other way to die of one */
		*nowhere = 0;
		break;
	case HARM_SYS:
		forbidden_call();
		break;
	case HARM_DEAF:
		say_ready();
		break;
	case HARM_DEAD:
		say_ready();
		say(MESSAGE_DEAD, &(struct message_dead){ .cause = 0 });
		break;
	case HARM_NOTIFY:
		take_job();
		flood(MESSAGE_NOTIFY, &notify);
		break;
	case HARM_STOPPED_TWICE:
		take_job();
		say_stopped();
		say_stopped();
		break;
	case HARM_GOOD:
		take_job();
		say_stopped();
		_exit(0);
	case HARM_STALL:
		break;
	}
	for_ever();
}

void impostor_main_if_worker(int argc, char **argv)
{
	int fds[MESSAGE_FDS];
	uint32_t len;

	if (argc != 2 || strcmp(argv[1], BIRTH_WORD) != 0)
		return;
	signal(SIGSEGV, SIG_DFL);
	if (message_await(BIRTH_SOCKET, room, &m, fds, &len) != 1)
		_exit(98);
	placed = m.birth.flags & BIRTH_PLACED;
	do_harm((enum harm)m.birth.memory);
}
