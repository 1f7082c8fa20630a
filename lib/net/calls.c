/* SPDX-License-Identifier: Apache-2.0 */
/* Network back ends; a kick is served by the poller's thread or, with UKVMM_MAY_SERVE, the vCPU's. */
#include "calls.h"

#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define SERVES (CALL_IO | CALL_SERVE)

static const struct call_rule rules[] = {
	CALL("pwritev2", SERVES, "frames to a tap: writev"),
	CALL("sendmsg", SERVES, "frames to a socket, bytes of a vsock stream; the embedder's own messages"),
	CALL("recvmsg", SERVES, "frames from a socket, bytes of a vsock stream; the embedder's own messages, with fds"),
#ifdef SYS_poll
	CALL("poll", SERVES, "is a peer of packets gone? the embedder's own loop"),
#else
	CALL("ppoll", SERVES, "is a peer of packets gone? the embedder's own loop"),
#endif
	CALL_IOCTL(SIOCINQ, SERVES, "is anything left in a socket whose peer is gone?"),
	CALL_IOCTL(TUNSETOFFLOAD, CALL_IO, "what a tap can do; what the guest's driver negotiated"),
	CALL_IOCTL(TUNGETIFF, CALL_CREATE, "is the fd a tap, and of which kind?"),
	CALL_IOCTL(TUNSETVNETHDRSZ, CALL_CREATE, "the header's length"),
	CALL("getpeername", CALL_CREATE, "is the socket connected?"),
	CALL("getsockopt", CALL_CREATE, "is the fd a socket of the right kind?"),
};

CALL_TABLE(net);
