/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A close-on-exec duplicate, or negative errno. */
int fd_dup(int fd);
/* Closes unless negative; returns -1, to store. Keeps errno. */
int fd_close(int fd);
/* fstat: the system call of that name, where the C library may take one that can ask for paths too. */
int fd_stat(int fd, struct stat *st);
/* Reads exactly len bytes at off. -EIO: the file ends before. */
int fd_pread_full(int fd, void *dst, size_t len, uint64_t off);
/* send(2) and recv(2), not waiting and without SIGPIPE; by sendmsg and recvmsg, which spares a filter two calls. */
ssize_t fd_send(int fd, const void *buf, size_t len);
ssize_t fd_recv(int fd, void *buf, size_t len, int flags);
/* An eventfd: adds one to it, takes what is in it. */
void fd_event_set(int fd);
void fd_event_clear(int fd);

#endif
