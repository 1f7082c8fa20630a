/* SPDX-License-Identifier: Apache-2.0 */
/* Front ends: random bytes, and the sockets behind vsock. */
#include "calls.h"

#include <linux/random.h>
#include <sys/socket.h>

static const struct call_rule rules[] = {
	CALL("getrandom", CALL_IO | CALL_SERVE, "the guest's random bytes; MAC addresses"),
	CALL("socket", CALL_CONNECT, "the host's end of a stream that the guest opens: AF_UNIX only",
		CALL_EQ32(0, AF_UNIX),
		CALL_EQ32(1, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)),
	CALL("connect", CALL_CONNECT, "the same"),
	CALL("socketpair", CALL_CONNECT, "ukvmm_vm_connect", CALL_EQ32(0, AF_UNIX)),
	CALL("accept4", CALL_STREAM, "programs of the host that connect to the guest"),
	CALL("shutdown", CALL_STREAM, "an end that is half closed"),
};

CALL_TABLE(virtio);
