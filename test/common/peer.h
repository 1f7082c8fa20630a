/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's end of the io guest's network: a thread that answers frames as test/guests/guest/io_proto.h says, the
 * same for whoever runs the guest. It moves as many frames a system call as there are.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdint.h>

struct peer;

enum peer_kind {
	PEER_STREAM, /* each frame behind its length, 4 bytes, big-endian */
	PEER_LISTENER, /* the stream that comes first */
	PEER_PACKET, /* a frame a message: SOCK_DGRAM, SOCK_SEQPACKET, AF_PACKET */
};

struct peer_stats {
	uint64_t frames_in, frames_out, reads, writes; /* reads, writes: system calls */
};

/* Takes over fd. PEER_PACKET: answers go to where the first frame came from if fd is not connected. */
struct peer *peer_start(enum peer_kind kind, int fd);
/* Ends the thread; stats may be NULL. */
void peer_stop(struct peer *p, struct peer_stats *stats);

/* ---- sockets for it (peer_socket.c); failures end the program ---- */

/* A listening AF_UNIX stream at `path`. */
int peer_listen(const char *path);
/* An AF_UNIX datagram socket bound to `path`; the same, connected to `to`. */
int peer_datagram(const char *path);
int peer_datagram_to(const char *path, const char *to);
int peer_connect(const char *path);
/* A network namespace of its own with a persistent tap in it, up, for this process and its children. False: not
 * allowed here. */
bool peer_namespace(void);
void peer_tap(const char *name, unsigned int mtu);
/* AF_PACKET on that interface, for frames of the peer's type only. */
int peer_raw(const char *name);
int peer_tap_open(const char *name);

#endif
