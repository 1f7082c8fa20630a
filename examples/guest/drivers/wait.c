/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting: all queues are armed, all that was put into them is told, and the guest idles, in one change of mode. */
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
	struct rt_op op[WAIT_QUEUES];
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_queues; i++)
		if (virtq_wants_kick(queues[i]))
			op[n++] = virtq_kick_op(queues[i]);
	if (n)
		rt_ops(op, n, false);
}

void rt_wait(uint64_t until)
{
	struct rt_op op[WAIT_QUEUES + 1];
	uint64_t now = until ? rt_now() : 0, left = until > now ? until - now : 0;
	bool idle = !until || left, blind = !rt_interrupts();
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_queues; i++) {
		if (!virtq_arm(queues[i]))
			idle = false;
		if (virtq_wants_kick(queues[i]))
			op[n++] = virtq_kick_op(queues[i]);
	}
	if (left && idle && !blind)
		op[n++] = rt_timer_op(left);
	if (n || (idle && !blind))
		rt_ops(op, n, idle && !blind);
	if (idle && blind)
		look(until);
	for (uint32_t i = 0; i < n_queues; i++)
		virtq_disarm(queues[i]);
}
