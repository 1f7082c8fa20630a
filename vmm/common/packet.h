/* SPDX-License-Identifier: Apache-2.0 */
/* One packet of an AF_UNIX SOCK_SEQPACKET socket, and the descriptors in it. */
#ifndef COMMON_PACKET_H
#define COMMON_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { PACKET_FDS = 192 }; /* the most in one; the kernel takes 253 */

/* flags: 0, or MSG_DONTWAIT. 0; -EAGAIN: no room now; -EPIPE: the other side is gone; another negative errno. */
int packet_send(int sock, const struct iovec *iov, size_t iov_len, const int *fds, uint32_t fds_len, int flags);

/*
 * Its size, above 0, with fds_max descriptors at most (all close-on-exec, the caller's). -EAGAIN: none is there; -EPIPE:
 * the end, or an empty one, which nobody sends but one who means harm; -EBADMSG: longer than `bytes`; -EMFILE: more
 * descriptors than are taken, or than this process may have; another negative errno. Nothing is left open then.
 */
int packet_receive(int sock, void *room, size_t bytes, int *fds, uint32_t fds_max, uint32_t *fds_len, int flags);

void packet_close(const int *fds, uint32_t len);

#endif
