/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the room: what back ends share. */
#ifndef NET_BACKEND_H
#define NET_BACKEND_H

#include "net.h"

enum { NET_FRAME_MIN = 14 }; /* an Ethernet header */

/* A close-on-exec, non-blocking duplicate of fd; the flag is the description's, so the caller's fd has it too. */
int net_fd_dup(int fd, const char *object, struct ukvmm_err *err);
/* The same of a connected AF_UNIX socket of one of two types. -ENOTSOCK, -EPROTOTYPE, -ENOTCONN. */
int net_socket_dup(int fd, int type, int or_type, const char *object, struct ukvmm_err *err);
/* Is this what a socket says whose peer will not come back? `error`: positive. */
bool net_peer_gone(int error);
/* In front of a frame that came without one: no offloads, one buffer. */
void net_header_plain(uint8_t *buf);

#endif
