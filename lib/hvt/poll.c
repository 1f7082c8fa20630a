/* SPDX-License-Identifier: Apache-2.0 */
/* The one call that waits: until a time, or a frame. It is left open here; the vCPU's thread waits outside. */
#include "hvt_internal.h"

#include <stddef.h>

#include "checked.h"

struct poll_args {
	uint64_t timeout, ready_set;
	int32_t ret, padding;
};

void hvt_poll_begin(struct hvt *h, struct hvt_args *args)
{
	struct poll_args a;
	uint64_t deadline;

	if (!hvt_args_take(h, args, &a, sizeof a))
		return;
	if (add_wraps(h->host.now(h->ctx), a.timeout, &deadline))
		deadline = UINT64_MAX;
	hvt_leave_open(h, POLL, args, deadline);
	hvt_poll_try(h);
}

bool hvt_poll_try(struct hvt *h)
{
	const struct hvt_args args = { .gpa = h->open.gpa };
	uint64_t ready_set = 0;
	int32_t ready = 0;

	for (uint32_t i = 0; i < HVT_HANDLES; i++)
		if (h->net[i].backend && hvt_net_ready(h, &h->net[i])) {
			ready_set |= 1ull << i;
			ready++;
		}
	if (!ready && h->host.now(h->ctx) < h->open.at)
		return false;
	h->open.call = 0;
	/* after a load the address is whatever the state said */
	if (!hvt_may_write(h, args.gpa, sizeof(struct poll_args)))
		return true;
	hvt_args_give(h, &args, offsetof(struct poll_args, ready_set), &ready_set, sizeof ready_set);
	hvt_args_give(h, &args, offsetof(struct poll_args, ret), &ready, sizeof ready);
	return true;
}

uint32_t hvt_wait_for(const struct hvt *h, struct pollfd *fds, uint64_t *deadline)
{
	uint32_t n = 0;

	*deadline = h->open.at;
	for (uint32_t i = 0; h->open.call == POLL && i < HVT_HANDLES; i++) {
		const struct hvt_net *net = &h->net[i];

		if (net->have) { /* its limit holds it back; what follows can wait in the back end */
			*deadline = net->rx_at < *deadline ? net->rx_at : *deadline;
			continue;
		}
		if (net->backend && net->backend->fd >= 0 && !net->gone)
			fds[n++] = (struct pollfd){ .fd = net->backend->fd,
				.events = (short)(POLLIN | (net->backend->wants_write ? POLLOUT : 0)) };
	}
	return n;
}
