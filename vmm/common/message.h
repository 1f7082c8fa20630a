/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker and the process that controls it say to each other, over one AF_UNIX SOCK_SEQPACKET socket. Both are
 * of the same build: a worker of another version takes no birth. Each message is a head and the structure of its type, whose size is
 * checked before anything of it is looked at; only a job has text behind it. Only the control side sends descriptors.
 *
 * Whoever receives one owns a copy: nothing is read twice, strings are ended and made printable, numbers that are
 * not the library's to check are held against their bounds here. A message that is not right is -EBADMSG, and its
 * sender is given up: a worker can lose itself only.
 */
#ifndef COMMON_MESSAGE_H
#define COMMON_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

#include "packet.h"

enum {
	MESSAGE_BYTES = 128 << 10, /* the longest: a job with its texts */
	MESSAGE_TEXT = 64 << 10,   /* a command line, words for the guest; without the NUL */
	MESSAGE_FDS = PACKET_FDS,  /* what 64 disks with tops need, and some */
	MESSAGE_DEVICES = 64,	   /* a Solo5 guest's; others take 16 */
	MESSAGE_NAME = 32,	   /* a device's, NUL included */
	MESSAGE_VM_NAME = 48,
};

enum message_type {
	/* to the worker */
	MESSAGE_BIRTH = 1, /* the first one, before it is started: what to become */
	MESSAGE_JOB,	   /* once, after READY */
	MESSAGE_STOP,	   /* end the guest */
	MESSAGE_RESIZE,	   /* of the virtio console */
	MESSAGE_ASK,	   /* for STATS */
	MESSAGE_CORE,	   /* with one descriptor: write the guest's state there */
	MESSAGE_HOLD,	   /* the guest stands still from now on, until its end */
	MESSAGE_PLACED,	   /* it is in its cgroup: where BIRTH_PLACED says so, READY comes after */
	/* from it */
	MESSAGE_READY = 64, /* waits for a job */
	MESSAGE_NOTIFY,	    /* the guest wrote its doorbell */
	MESSAGE_BROKEN,	    /* a device waits for a reset by its driver */
	MESSAGE_STATS,
	MESSAGE_FAILED,	    /* no guest came of it: the last message */
	MESSAGE_STOPPED,    /* the guest has ended and its output is written: the last message */
	/* from the broker that started it, by the same socket */
	MESSAGE_DEAD,
};

/* bytes: of the whole message. */
struct message_head {
	uint32_t type, bytes;
};

/* ---- what a worker is walled in by; a bit each in READY ---- */

#define WALL_USER_NS 1u
#define WALL_NAMESPACES 2u /* mount, pid, net, ipc, uts, cgroup */
#define WALL_ROOT 4u	   /* an empty, read-only file system */
#define WALL_UID 8u	   /* not the one that it was started by */
#define WALL_NO_NEW_PRIVS 16u
#define WALL_CAPABILITIES 32u
#define WALL_LIMITS 64u
#define WALL_UNDUMPABLE 128u
#define WALL_LANDLOCK 256u
#define WALL_FILTER 512u   /* of system calls */
#define WALL_ALL 1023u

/* flags of BIRTH: */
#define BIRTH_NO_SANDBOX 1u  /* no wall at all */
#define BIRTH_TRACE 2u	     /* a system call outside of the list is logged by the kernel, and done */
#define BIRTH_USER_NS 4u     /* it was born in a user namespace, as its root */
#define BIRTH_NAMESPACES 8u  /* it was born in new namespaces */
#define BIRTH_URING 16u	     /* its job may have disks with UKVMM_BLK_URING */
#define BIRTH_VSOCK 32u	     /* its job may have vsock */
#define BIRTH_INSPECT 64u    /* it may be looked into */
#define BIRTH_PLACED 256u    /* MESSAGE_PLACED follows */
#define BIRTH_ROOT 128u	     /* it has a descriptor of a mount namespace with an empty root, to go to */

/* memory, vcpus, irqchip: of the VM that is made ahead; memory 0: none is. version: the library's. */
struct message_birth {
	char version[24];
	uint32_t flags, uid, gid;
	uint32_t vcpus, irqchip, reserved;
	uint64_t memory;
};

/* walls: WALL_*, what stands. missing: the first that could not be built, and errno. */
struct message_ready {
	uint32_t walls, missing;
	int32_t error;
	uint32_t reserved;
};

/* ---- a job ---- */

struct message_rate { /* as struct ukvmm_rate */
	uint64_t bytes_per_s, bytes_burst, ops_per_s, ops_burst;
};

/* fds are indices into what came with the message; -1: none. */
struct message_disk {
	char name[MESSAGE_NAME], serial[24];
	uint32_t flags; /* UKVMM_BLK_* */
	int32_t fd, top_fd;
	uint32_t block_bytes;
	struct message_rate rate;
};

struct message_net {
	char name[MESSAGE_NAME];
	uint32_t kind, flags, mtu; /* UKVMM_NET_* */
	int32_t fd;
	uint8_t mac[8];
	struct message_rate rx, tx;
};

#define JOB_RNG 1u
#define JOB_CONSOLE 2u /* virtio, beside the serial line */
#define JOB_VSOCK 4u
#define JOB_PARK 8u    /* a guest that rings the idle doorbell holds no thread */
#define JOB_CHECK 16u /* read the image, no more: STOPPED, it can be booted, or FAILED */
#define JOB_HVT_EXEC_DATA 32u /* UKVMM_VM_HVT_EXEC_DATA */
#define JOB_ALL 63u

/*
 * console_fd  a non-blocking AF_UNIX stream: the guest's output comes out of it, what goes in is its input. -1: output
 *             is dropped.
 * vsock_fd    a listening AF_UNIX socket, -1: nobody connects to the guest.
 * connect_fd  an AF_UNIX SOCK_SEQPACKET socket, where each connect of the guest's is asked for (vsock_door.h); -1:
 *             they are refused.
 * Behind it: the command line, and the words of the guest's program as they are to be put behind it; neither is ended
 * by a NUL.
 */
struct message_job {
	char name[MESSAGE_VM_NAME];
	uint64_t memory;
	uint32_t vcpus, boot, irqchip, hugepages, kicks, image_flags, flags;
	int32_t image_fd, initrd_fd, console_fd, vsock_fd, connect_fd;
	uint32_t cols, rows; /* of the virtio console */
	uint32_t vsock_cid;
	uint32_t disks_len, nets_len, cmdline_len, words_len, reserved;
	struct message_disk disk[MESSAGE_DEVICES];
	struct message_net net[MESSAGE_DEVICES];
};

struct message_resize {
	uint32_t cols, rows;
};

#define CORE_MEMORY 1u /* not registers alone */

struct message_core {
	uint32_t flags, reserved;
};

/* ---- what a worker tells ---- */

struct message_notify {
	uint64_t value;
};

/* index: disks, cards, virtio console, rng, vsock, in this order, as far as the job has them. */
struct message_broken {
	uint32_t index, reserved;
};

struct message_stats {
	struct ukvmm_vm_stats vm;
	struct ukvmm_vcpu_stats vcpus; /* sums */
};

/* What of the job it was. */
enum message_phase {
	PHASE_BIRTH, /* none yet: the worker itself could not be made ready */
	PHASE_JOB,   /* the message */
	PHASE_IMAGE,
	PHASE_INITRD,
	PHASE_VM,
	PHASE_CMDLINE,
	PHASE_DISK,  /* index: which */
	PHASE_NET,
	PHASE_OTHER_DEVICE,
	PHASE_SEAL,
	PHASE_RUN,   /* threads */
	PHASE_LAST = PHASE_RUN,
};

struct message_failed {
	uint32_t phase, index;
	struct ukvmm_err err;
};

/* rc and stop: of ukvmm_vcpu_run of the vCPU that ended the guest; err with rc < 0 or UKVMM_STOP_FAULT. lost: bytes of
 * output that nobody took in time. */
struct message_stopped {
	int32_t rc;
	uint32_t reserved;
	struct ukvmm_stop stop;
	struct ukvmm_err err;
	uint64_t lost;
	struct message_stats stats;
};

/* cause: enum worker_cause. proof: known to the broker and its client; a worker that says this of itself lies. */
struct message_dead {
	uint32_t cause;
	int32_t number;
	uint64_t proof;
};

struct message {
	struct message_head head;
	union {
		struct message_birth birth;
		struct message_job job;
		struct message_resize resize;
		struct message_core core;
		struct message_ready ready;
		struct message_notify notify;
		struct message_broken broken;
		struct message_stats stats;
		struct message_failed failed;
		struct message_stopped stopped;
		struct message_dead dead;
	};
};

/* Who receives. */
enum message_side { MESSAGE_AT_WORKER, MESSAGE_AT_CONTROL };

/*
 * Takes `bytes` bytes from anybody for a message to this side: 0 and *m, or -EBADMSG. What lies behind a job's
 * structure is checked by its lengths, not copied. fds: how many descriptors came with it.
 */
int message_take(enum message_side side, const void *from, size_t bytes, uint32_t fds, struct message *m);

/* ---- over a socket ---- */

/* Of the structure of this type; 0: it has none. */
size_t message_bytes(enum message_type type);

struct message_texts { /* of a job */
	const char *cmdline, *words;
};

/*
 * Sends one message; `body` is the structure of this type, NULL where it has none. fds may be NULL. Never waits:
 * -EAGAIN where the socket is full, -EPIPE where the other side is gone, -EMSGSIZE: a text is too long.
 */
int message_send(int sock, enum message_type type, const void *body);
int message_send_fd(int sock, enum message_type type, const void *body, int fd);
int message_send_job(int sock, const struct message_job *job, const struct message_texts *texts, const int *fds,
	uint32_t fds_len);

/*
 * At control: the next message: 1, 0 none is there, -EPIPE the worker's end is closed, -EBADMSG what came is none;
 * descriptors in it are closed by the kernel.
 */
int message_receive(int sock, struct message *m);

/*
 * At the worker: waits. `room` (MESSAGE_BYTES) keeps the texts, which lie behind m->job's structure in it; the
 * descriptors become the caller's. 1, -EPIPE, -EBADMSG (nothing is left open) or another negative errno.
 */
int message_await(int sock, void *room, struct message *m, int fds[MESSAGE_FDS], uint32_t *fds_len);

/* Where the texts of a job begin, in the bytes that it came in. */
const char *message_texts(const void *room);

#endif
