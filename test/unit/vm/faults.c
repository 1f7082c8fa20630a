/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <errno.h>
#include <stddef.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "life.h"

static uint32_t left;
static bool counting;
static const char *failed_name;
static int failed_errno;

void faults_arm(uint32_t n)
{
	left = n;
	failed_name = NULL;
}

void faults_on(bool on)
{
	counting = on;
}

const char *faults_failed(void)
{
	return failed_name;
}

int faults_errno(void)
{
	return failed_errno;
}

static bool fails(const char *name, int error)
{
	if (!counting || life_in_fake() || !left || --left)
		return false;
	failed_name = name;
	errno = failed_errno = error;
	return true;
}

#define WRAP(type, name, params, args, error, failure) \
	type __real_##name params;                     \
	type __wrap_##name params;                     \
	type __wrap_##name params                      \
	{                                              \
		if (fails(#name, error))               \
			return failure;                \
		return __real_##name args;             \
	}

WRAP(void *, malloc, (size_t n), (n), ENOMEM, NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL)
WRAP(void *, realloc, (void *p, size_t n), (p, n), ENOMEM, NULL)
WRAP(char *, strdup, (const char *s), (s), ENOMEM, NULL)
WRAP(void *, mmap, (void *addr, size_t len, int prot, int flags, int fd, off_t off),
	(addr, len, prot, flags, fd, off), ENOMEM, MAP_FAILED)
WRAP(int, madvise, (void *addr, size_t len, int advice), (addr, len, advice), EINVAL, -1)
WRAP(int, epoll_create1, (int flags), (flags), EMFILE, -1)
WRAP(int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *event), (ep, op, fd, event), ENOSPC, -1)
WRAP(int, eventfd, (unsigned int value, int flags), (value, flags), ENFILE, -1)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), ENFILE, -1)
WRAP(int, timer_create, (clockid_t clock, struct sigevent *e, timer_t *out), (clock, e, out), EAGAIN, -1)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), EIO, -1)
WRAP(ssize_t, pread, (int fd, void *buf, size_t len, off_t off), (fd, buf, len, off), EIO, -1)
WRAP(ssize_t, getrandom, (void *buf, size_t len, unsigned int flags), (buf, len, flags), EIO, -1)
