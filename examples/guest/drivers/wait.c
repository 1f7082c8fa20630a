/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting: all queues are armed, all that was put into them is told, and the guest idles, in as few exits as
 * that takes. */
#include "virtio.h"

enum { WAIT_QUEUES = 8 };

static struct virtq *queues[WAIT_QUEUES];
static uint32_t n_queues;

void rt_wait_for(struct virtq *q)
{
	if (n_queues == WAIT_QUEUES)
		rt_panic("more queues than %u", WAIT_QUEUES);
	queues[n_queues++] = q;
}

/* A host that gives no interrupts is looked at instead; one of a device's queues moves, or the time comes. */
static void look(uint64_t until)
{
	for (;;) {
		for (uint32_t i = 0; i < n_queues; i++)
			if (queues[i]->wake != VIRTQ_NEVER && queues[i]->used[1] != queues[i]->last_used)
				return;
		if (until && rt_now() >= until)
			return;
		rt_relax();
	}
}

void rt_kick(void)
{
	for (uint32_t i = 0; i < n_queues; i++)
		virtq_kick(queues[i]);
}

/* False: one of the queues has something already. */
static bool arm(void)
{
	bool nothing = true;

	for (uint32_t i = 0; i < n_queues; i++)
		if (!virtq_arm(queues[i]))
			nothing = false;
	return nothing;
}

/* The last queue that wants it is told on the way to idling. */
static void tell_and_idle(uint64_t seen, uint64_t ns)
{
	const struct virtq *last = NULL;

	for (uint32_t i = 0; i < n_queues; i++) {
		if (!virtq_wants_kick(queues[i]))
			continue;
		if (last)
			rt_write32(virtq_bell(last), last->index);
		last = queues[i];
	}
	rt_idle(seen, last ? virtq_bell(last) : 0, last ? last->index : 0, ns);
}

void rt_wait(uint64_t until)
{
	uint64_t seen = rt_interrupts_seen(), now = until ? rt_now() : 0;

	if (!arm() || (until && now >= until)) {
		rt_kick();
	} else if (!rt_interrupts()) {
		rt_kick();
		look(until);
	} else {
		tell_and_idle(seen, until ? until - now : 0);
	}
	for (uint32_t i = 0; i < n_queues; i++)
		virtq_disarm(queues[i]);
}
