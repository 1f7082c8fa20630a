/* SPDX-License-Identifier: Apache-2.0 */
/* Which lane a request goes by: the first that its instance has not filled, where connections of before are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "upstream_internal.h"

static uint32_t hash_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

static struct host *host_get(struct upstream *up, const char *name)
{
	uint32_t hash = hash_of(name);
	struct host **at = &up->hosts[hash % HOSTS_HASH], *h;

	for (h = *at; h; h = h->next)
		if (h->hash == hash && strcmp(h->name, name) == 0)
			return h;
	h = calloc(1, sizeof *h + strlen(name) + 1);
	if (!h)
		return NULL;
	h->hash = hash;
	strcpy(h->name, name);
	h->next = *at;
	*at = h;
	return h;
}

static void host_put(struct upstream *up, struct host *h)
{
	struct host **at = &up->hosts[h->hash % HOSTS_HASH];

	if (h->calls > 0)
		return;
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	free(h);
}

static uint32_t room_in(const struct host *h)
{
	for (uint32_t i = 0; i < LANES; i++)
		if (h->of_lane[i] < LANE_CALLS)
			return i;
	return h->calls % LANES;
}

int lane_take(struct upstream_call *call, const char *instance)
{
	struct upstream *up = call->up;
	struct host *h = host_get(up, instance);
	struct lane *lane;

	if (!h)
		return -ENOMEM;
	call->at = room_in(h);
	lane = &up->lane[call->at];
	if (!lane->multi && lane_open(lane) < 0) {
		host_put(up, h);
		return -ENOMEM;
	}
	if (lane->calls++ == 0)
		loop_timer_stop(up->loop, &lane->idle);
	h->of_lane[call->at]++;
	h->calls++;
	up->n_calls++;
	call->host = h;
	call->lane = lane;
	return 0;
}

void lane_leave(struct upstream_call *call)
{
	struct lane *lane = call->lane;
	struct upstream *up = call->up;

	if (!lane)
		return;
	up->n_calls--;
	call->host->calls--;
	call->host->of_lane[call->at]--;
	host_put(up, call->host);
	if (--lane->calls == 0 && lane != up->lane)
		loop_timer_in(up->loop, &lane->idle, LANE_IDLE_NS);
	call->lane = NULL;
}
