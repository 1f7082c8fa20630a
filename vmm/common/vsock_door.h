/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a guest in a worker, where there is no file system, connects to the host's sockets: the worker asks with a port
 * over an AF_UNIX SOCK_SEQPACKET socket of its own, the other side answers with an error or a connected descriptor.
 */
#ifndef COMMON_VSOCK_DOOR_H
#define COMMON_VSOCK_DOOR_H

#include <stdint.h>

/* At the worker, as `connect` of ukvmm_vsock_config; cookie is the socket. Waits for the answer. */
int vsock_door_ask(uint64_t cookie, uint32_t port);

/*
 * At the other side: answers what is asked for, at most 16 questions a call, by a connect to the AF_UNIX stream socket
 * `path`_PORT. Never waits. -EPIPE: the worker is gone; -EBADMSG: what came is no question; both mean that it is over.
 */
int vsock_door_answer(int sock, const char *path);

#endif
