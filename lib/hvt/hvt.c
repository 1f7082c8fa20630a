/* SPDX-License-Identifier: Apache-2.0 */
/* The devices that a Solo5 guest is given. */
#include "hvt_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hvt_new(struct hvt **out, struct mem *mem, const struct hvt_host *host, void *ctx)
{
	struct hvt *h = calloc(1, sizeof *h);
	int rc;

	*out = h;
	if (!h)
		return -ENOMEM;
	h->mem = mem;
	h->host = *host;
	h->ctx = ctx;
	rc = -pthread_mutex_init(&h->lock, NULL);
	if (rc) {
		free(h);
		*out = NULL;
	}
	return rc;
}

static void net_free(struct hvt_net *n)
{
	if (n->backend)
		n->backend->ops->close(n->backend);
	free(n->frame);
	free(n->out);
}

static void block_free(struct hvt_block *b)
{
	if (!b->backend)
		return;
	hvt_block_flush(b);
	b->backend->ops->close(b->backend);
}

void hvt_free(struct hvt *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; i < HVT_HANDLES; i++) {
		net_free(&h->net[i]);
		block_free(&h->block[i]);
	}
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int hvt_protect(struct hvt *h, uint64_t gpa, uint64_t len)
{
	if (h->ranges == HVT_RANGES)
		return -ENOSPC;
	h->read_only[h->ranges].gpa = gpa;
	h->read_only[h->ranges++].len = len;
	return 0;
}

bool hvt_attached(const struct hvt *h, uint32_t handle)
{
	return h->net[handle].backend || h->block[handle].backend;
}

int hvt_add_block(struct hvt *h, uint32_t handle, struct block_backend *backend, uint32_t flags, uint32_t sector)
{
	if (hvt_attached(h, handle)) {
		backend->ops->close(backend);
		return -EEXIST;
	}
	h->block[handle] = (struct hvt_block){ .backend = backend, .flags = flags, .sector = sector };
	return 0;
}

int hvt_add_net(struct hvt *h, uint32_t handle, struct net_backend *backend, const uint8_t mac[HVT_MAC], bool any_mac)
{
	struct hvt_net n = { .backend = backend, .any_mac = any_mac };
	int rc = hvt_attached(h, handle) ? -EEXIST : 0;

	if (!rc) {
		n.frame = malloc(NET_BUFFER);
		n.out = malloc(NET_BUFFER);
		rc = n.frame && n.out ? backend->ops->offload(backend, 0) : -ENOMEM;
	}
	if (rc) {
		net_free(&n);
		return rc;
	}
	memcpy(n.mac, mac, HVT_MAC);
	h->net[handle] = n;
	return 0;
}

int hvt_rebind(struct hvt *h, uint32_t handle, int fd)
{
	struct hvt_net *n = &h->net[handle];
	struct hvt_block *b = &h->block[handle];
	int rc;

	if (b->backend)
		return b->backend->ops->rebind(b->backend, fd);
	if (!n->backend)
		return -ENODEV;
	rc = n->backend->ops->rebind(n->backend, fd);
	if (!rc)
		rc = n->backend->ops->offload(n->backend, 0);
	if (!rc) {
		n->gone = false;
		n->have = 0;
	}
	return rc;
}

uint32_t hvt_fds(const struct hvt *h)
{
	uint32_t fds = 0;

	for (uint32_t i = 0; i < HVT_HANDLES; i++) {
		fds += h->net[i].backend && h->net[i].backend->fd >= 0;
		fds += h->block[i].backend ? h->block[i].backend->fds : 0;
	}
	return fds;
}

void hvt_stats(const struct hvt *h, struct hvt_stats *s)
{
	s->rx_bytes = atomic_load_explicit(&h->rx_bytes, memory_order_relaxed);
	s->tx_bytes = atomic_load_explicit(&h->tx_bytes, memory_order_relaxed);
	s->read_bytes = atomic_load_explicit(&h->read_bytes, memory_order_relaxed);
	s->write_bytes = atomic_load_explicit(&h->write_bytes, memory_order_relaxed);
	s->violations = atomic_load_explicit(&h->violations, memory_order_relaxed);
}

static bool possible(uint32_t call, uint64_t gpa, uint64_t done, uint8_t paid)
{
	bool transfer = call == BLOCK_READ_CALL || call == BLOCK_WRITE_CALL;

	if (gpa > UINT32_MAX || paid > 1 || done % BLOCK_SECTOR)
		return false;
	return transfer || ((call == POLL || call == NET_WRITE || !call) && !done && !paid);
}

int hvt_walk(struct hvt *h, struct ukvmm_state *s)
{
	uint32_t version = 2, call = h->open.call;
	uint64_t gpa = call ? h->open.gpa : 0, at = call ? h->open.at : 0, done = call ? h->open.done : 0;
	uint8_t paid = call && h->open.paid;

	state_begin(s, "hvt", &version);
	state_field(s, call);
	state_field(s, gpa);
	state_field(s, at);
	state_field(s, done);
	state_field(s, paid);
	if (s->loading && (version != 2 || !possible(call, gpa, done, paid)))
		return state_fail(s, version != 2 ? -ENOTSUP : -EINVAL);
	if (state_end(s) || !s->loading)
		return s->error;
	h->open.call = call;
	h->open.gpa = gpa;
	h->open.at = at;
	h->open.done = done;
	h->open.paid = paid;
	for (uint32_t i = 0; i < HVT_HANDLES; i++)
		h->net[i].have = 0;
	return 0;
}
