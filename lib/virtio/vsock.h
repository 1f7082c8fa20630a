/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the vsock device (virtio 1.2 §5.10). The guest's context id talks to the host's, CID 2; each stream is an
 * AF_UNIX socket here. Nothing blocks, nothing is kept of a chain between two callbacks.
 *
 * Everything belongs to the callback thread but what virtio_vsock_connect touches: `lock` guards `incoming`, and
 * `reserved` is atomic.
 *
 * Bounds: VSOCK_STREAMS streams, VSOCK_CLIENTS clients of the listening socket that have not named a port yet,
 * VSOCK_BUFFER bytes per stream that the host has not read, VSOCK_RSTS answers that the guest has not taken.
 */
#ifndef VIRTIO_VSOCK_H
#define VIRTIO_VSOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "devices.h"

enum {
	VSOCK_STREAMS = 64, /* as many as a uint64_t has bits */
	VSOCK_CLIENTS = 16,
	VSOCK_BUFFER = 128 << 10, /* our buf_alloc; a power of two */
	VSOCK_PIECE = 64 << 10,	  /* read from a socket, or from a packet, at once */
	VSOCK_RSTS = 64,
	VSOCK_LINE = 32, /* "CONNECT 4294967294\n" fits */
	VSOCK_BUDGET = 128, /* packets towards the guest in one callback */
};

enum { VSOCK_Q_RX, VSOCK_Q_TX, VSOCK_Q_EVENT, VSOCK_QUEUES };
enum { VSOCK_CID_HOST = 2, VSOCK_CID_DEFAULT = 3, VSOCK_TYPE_STREAM = 1, VSOCK_F_STREAM = 1 };
#define VSOCK_CID_LAST 0xfffffffeull
#define VSOCK_PORT_FIRST (1u << 30) /* ours count from here, to 2^31 - 1 */

enum vsock_op {
	VSOCK_REQUEST = 1,
	VSOCK_RESPONSE,
	VSOCK_RST,
	VSOCK_SHUTDOWN,
	VSOCK_RW,
	VSOCK_CREDIT_UPDATE,
	VSOCK_CREDIT_REQUEST,
	VSOCK_OPS,
};

enum { VSOCK_SHUT_RCV = 1, VSOCK_SHUT_SEND = 2, VSOCK_SHUT_BOTH = 3 };

struct vsock_header { /* little-endian, as the rings */
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

_Static_assert(sizeof(struct vsock_header) == 44, "virtio 1.2 §5.10.6");

enum vsock_state {
	VSOCK_FREE,
	VSOCK_HELD,	 /* the host connects; the driver has not been told */
	VSOCK_REQUESTED, /* it was, and has not answered */
	VSOCK_OPEN,
	VSOCK_CLOSING,	 /* the host is gone, the guest was told and shall answer RST */
	VSOCK_DYING,	 /* RST is on its way to the guest, nothing else is left */
	VSOCK_LINGER,	 /* the guest is gone; the host has yet to take what it sent */
};

struct vsock_stream {
	enum vsock_state state;
	int fd; /* -1: closed */
	uint32_t host_port, guest_port;
	uint32_t wants;	      /* a bit an op: control packets to send */
	uint32_t since;	      /* when it became CLOSING or DYING: the oldest goes first */
	uint8_t host_shut;    /* what the guest is to be told: VSOCK_SHUT_* from its point of view */
	uint8_t guest_shut;   /* what it told */
	bool announce;	      /* a client of the listening socket waits for its OK */
	bool hup;	      /* the host's peer has closed */
	bool credit_asked;    /* since the guest last gave some */
	bool out_watched;
	/* credit, §5.10.6.3: free-running counts of bytes */
	uint32_t sent, peer_alloc, peer_fwd;	   /* towards the guest */
	uint32_t received, forwarded, told;	   /* from it; told: the last fwd_cnt that it heard */
	uint8_t *ring;				   /* what the socket did not take; VSOCK_BUFFER bytes, NULL until needed */
	uint32_t ring_head, ring_len;
};

struct vsock_client { /* of the listening socket, before it has sent its line */
	int fd;		/* -1: free */
	uint32_t since; /* the oldest gives way */
	uint32_t len;
	char line[VSOCK_LINE];
};

struct vsock_incoming {
	int fd;
	uint32_t port;
};

struct vsock_rst { /* to somebody who has no stream */
	uint64_t src_cid;
	uint32_t src_port, dst_port;
	uint16_t type;
};

struct virtio_vsock {
	struct ukvmm_device *dev; /* NULL until attached */
	struct ukvmm_queue *q[VSOCK_QUEUES];
	uint64_t cid;
	bool live;	/* DRIVER_OK */
	bool event_due; /* TRANSPORT_RESET has to be said */
	bool tx_waits;	/* packets of the guest wait until answers have gone */
	uint32_t clock; /* of `since` */
	uint32_t next_port;

	/* sets of streams, a bit each */
	uint64_t used, wants, readable;
	uint32_t turn, last_found; /* whose turn it is; who was addressed last */
	struct vsock_stream stream[VSOCK_STREAMS];
	/* promised and taken slots; CLOSING and DYING ones do not count, since they can be had at any time */
	atomic_uint reserved;
	atomic_uint fds; /* open; any thread reads */

	struct vsock_rst rst[VSOCK_RSTS];
	uint32_t rst_head, rst_len;

	/* Read from a stream's socket and not passed on yet. In front of each piece its header is put. */
	struct {
		uint32_t stream, off, len;
	} data;

	char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* "": none */
	int (*connect)(uint64_t cookie, uint32_t port); /* NULL: by path */
	uint64_t connect_cookie;
	int listener;
	dev_t listener_dev; /* of the path that was bound */
	ino_t listener_ino;
	struct vsock_client client[VSOCK_CLIENTS];

	pthread_mutex_t lock;
	struct vsock_incoming incoming[VSOCK_STREAMS];
	uint32_t incoming_len;

	uint8_t *buf; /* HEAD + PIECE towards the guest, PIECE from it */
};

enum { VSOCK_HEAD = 64, VSOCK_BUF_BYTES = VSOCK_HEAD + 2 * VSOCK_PIECE };

/* fd_ready tags: streams from 0, */
enum { VSOCK_TAG_CLIENT = 256, VSOCK_TAG_LISTENER = 512 };

static inline uint32_t stream_index(const struct virtio_vsock *v, const struct vsock_stream *s)
{
	return (uint32_t)(s - v->stream);
}

static inline uint64_t stream_bit(const struct virtio_vsock *v, const struct vsock_stream *s)
{
	return 1ull << stream_index(v, s);
}

/* vsock_stream.c */

/* Promises a slot; false: none is left. Any thread. */
bool vsock_reserve(struct virtio_vsock *v);
/* Takes a slot that was promised, and fd over. NULL: the poller cannot watch it; fd is closed, the promise gone. */
struct vsock_stream *vsock_stream_new(struct virtio_vsock *v, int fd, enum vsock_state state);
/* By the guest's addresses; NULL: unknown. */
struct vsock_stream *vsock_stream_find(struct virtio_vsock *v, uint32_t host_port, uint32_t guest_port);
uint32_t vsock_port_new(struct virtio_vsock *v, uint32_t guest_port);
void vsock_want(struct virtio_vsock *v, struct vsock_stream *s, enum vsock_op op);
/* Ends it at once, without a word. */
void vsock_stream_free(struct virtio_vsock *v, struct vsock_stream *s);
/* Ends it for the host at once, and for the guest by RST. */
void vsock_stream_kill(struct virtio_vsock *v, struct vsock_stream *s);
/* The host's side is over: the guest is told and asked to end it too. */
void vsock_stream_host_gone(struct virtio_vsock *v, struct vsock_stream *s);
/* Does what the guest's SHUTDOWN asks for, as far as what it sent before is delivered. */
void vsock_stream_guest_shut(struct virtio_vsock *v, struct vsock_stream *s);
/* epoll_events of its socket. */
void vsock_stream_event(struct virtio_vsock *v, struct vsock_stream *s, uint32_t events);
/* All that the driver knew of; what was never told to it stays held. */
void vsock_forget(struct virtio_vsock *v);
void vsock_fd_close(struct virtio_vsock *v, int *fd);

/* vsock_out.c: from the guest to the socket */

/* `len` bytes, in order: to the socket, what it does not take to the stream's buffer. The credit was checked. */
void vsock_out(struct virtio_vsock *v, struct vsock_stream *s, const uint8_t *bytes, uint32_t len);
/* The socket may take more. */
void vsock_out_drain(struct virtio_vsock *v, struct vsock_stream *s);
/* Tells the guest of its credit if it is to know. */
void vsock_out_credit(struct virtio_vsock *v, struct vsock_stream *s);

/* vsock_tx.c: the guest's packets. true: the budget is used up. */
bool vsock_tx(struct virtio_vsock *v, uint32_t budget);

/* vsock_rx.c: packets to the guest, as many as there are, it has buffers for, and the budget allows. Sees to it that
 * it is called again when there are more. */
void vsock_rx(struct virtio_vsock *v);
/* false: no room, nothing was kept. */
bool vsock_rst_add(struct virtio_vsock *v, const struct vsock_header *to);
void vsock_event(struct virtio_vsock *v);

/* vsock_host.c: AF_UNIX */

int vsock_listen(struct virtio_vsock *v, const char *object, struct ukvmm_err *err);
/* A socket that listens already. dup'ed. */
int vsock_listen_given(struct virtio_vsock *v, int fd, const char *object, struct ukvmm_err *err);
void vsock_unlisten(struct virtio_vsock *v);
int vsock_listener_watch(struct virtio_vsock *v);
void vsock_listener_event(struct virtio_vsock *v, uint32_t events); /* of epoll */
void vsock_listener_timer(struct virtio_vsock *v);
void vsock_client_event(struct virtio_vsock *v, struct vsock_client *c);
/* A connected socket for the guest's connect to `port`, or a negative errno. */
int vsock_host_connect(const struct virtio_vsock *v, uint32_t port);
/* From ukvmm_vm_connect or a client's line, which were promised a slot. Takes fd over. */
void vsock_host_request(struct virtio_vsock *v, int fd, uint32_t port, bool announce);

#endif
